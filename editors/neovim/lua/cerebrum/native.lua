--- Neovim's own inline completion (0.12), with what it doesn't do: parts, growing texts, asking by hand.

local inline = vim.lsp.inline_completion
local api = vim.api

local INVOKED = 1
--- Neovim asks 200 ms after the last change; growing texts may not put that off for ever.
local GROWTH_MS = 250

local M = {}

local grown_at = 0
local growth = assert(vim.uv.new_timer())
local put_away ---@type table? the place where an offer was: what grows there stays away

local function place()
  local buffer = api.nvim_get_current_buf()
  return { buffer, api.nvim_buf_get_changedtick(buffer), api.nvim_win_get_cursor(0) }
end

--- Make Neovim ask, as if the cursor had moved; only its own commands run.
local function ask_again()
  if put_away and vim.deep_equal(put_away, place()) then
    return
  end
  local buffer = api.nvim_get_current_buf()
  if vim.startswith(api.nvim_get_mode().mode, "i") and inline.is_enabled({ bufnr = buffer }) then
    pcall(api.nvim_exec_autocmds, "CursorMovedI", {
      group = ("nvim.lsp.inline_completion:%d"):format(buffer),
      buffer = buffer,
      modeline = false,
    })
  end
end

---@param buffer integer
function M.attach(buffer)
  inline.enable(true, { bufnr = buffer })
end

---@param buffer integer
function M.detach(buffer)
  inline.enable(false, { bufnr = buffer })
end

function M.grown()
  local wait = math.max(0, grown_at + GROWTH_MS - vim.uv.now())
  if growth:is_active() then
    return
  end
  growth:start(wait, 0, vim.schedule_wrap(function()
    grown_at = vim.uv.now()
    ask_again()
  end))
end

function M.trigger()
  put_away = nil
  local client = vim.lsp.get_clients({ bufnr = 0, name = "cerebrum" })[1]
  if not client then
    return
  end
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = INVOKED }
  -- Its answer is kept by the daemon; Neovim's own request gets it at once.
  client:request("textDocument/inlineCompletion", params, ask_again, 0)
end

local function marks()
  local namespace = api.nvim_get_namespaces()["nvim.lsp.inline_completion"]
  return namespace and api.nvim_buf_get_extmarks(0, namespace, 0, -1, {}) or {}
end

function M.is_visible()
  return #marks() > 0
end

function M.dismiss()
  put_away = place()
  -- Without a body, an accepted item is only put away.
  inline.get({
    on_accept = function() end,
  })
end

--- What stands between the item's beginning and the cursor was typed along with it.
---@param item vim.lsp.inline_completion.Item
---@return integer bytes
local function typed(item)
  local start = item.range and { item.range:to_extmark() } or nil
  local row, column = unpack(api.nvim_win_get_cursor(0))
  return start and start[1] == row - 1 and math.max(0, column - start[2]) or 0
end

---@param part fun(text: string): string
function M.accept(part)
  inline.get({
    on_accept = function(item)
      vim.bo.undolevels = vim.bo.undolevels
      local text = item.insert_text
      if type(text) ~= "string" then
        return item
      end
      local done = typed(item)
      local taken = part(text:sub(done + 1))
      if done + #taken >= #text then
        return item
      end
      local row, column = unpack(api.nvim_win_get_cursor(0))
      local lines = vim.split(taken, "\n", { plain = true })
      api.nvim_buf_set_text(0, row - 1, column, row - 1, column, lines)
      api.nvim_win_set_cursor(0, {
        row + #lines - 1,
        (#lines == 1 and column or 0) + #lines[#lines],
      })
    end,
  })
end

---@param count integer
function M.turn(count)
  inline.select({ count = count })
end

return M
