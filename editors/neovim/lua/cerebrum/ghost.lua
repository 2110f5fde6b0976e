--- Ghost text of our own, for Neovims without inline completion (0.10, 0.11).
---
--- The daemon paces and merges requests, so this asks at every change, and asks again when a text has
--- grown; what is offered stays on the screen while the text that is typed agrees with it.

local client_methods = require("cerebrum.client")
local columns = require("cerebrum.columns")
local offer = require("cerebrum.offer")

local api = vim.api
local METHOD = "textDocument/inlineCompletion"
local INVOKED, AUTOMATIC = 1, 2
--- Milliseconds between a change and the question: keys that come in one burst ask once.
local BURST_MS = 15

local M = {}

local namespace = api.nvim_create_namespace("cerebrum")
local group = api.nvim_create_augroup("cerebrum.ghost", { clear = true })

---@class cerebrum.Shown an offer; row and columns from 0, columns in bytes
---@field buffer integer
---@field row integer
---@field column integer
---@field texts string[]
---@field index integer
---@field replaced integer bytes after the place that the offer replaces

local shown ---@type cerebrum.Shown?
local waiting ---@type {client: vim.lsp.Client, id: integer}?
local again = false
local is_put_away = false -- at this place, until something is typed or asked for
local timer = assert(vim.uv.new_timer())

local function is_inserting()
  return vim.startswith(api.nvim_get_mode().mode, "i")
end

local function place()
  local row, column = unpack(api.nvim_win_get_cursor(0))
  return row - 1, column
end

--- What of the offer is left at the cursor; nil when it doesn't fit the text (any more).
---@return string?
local function rest()
  local row, column = place()
  if not shown or shown.buffer ~= api.nvim_get_current_buf() or shown.row ~= row then
    return nil
  end
  if column < shown.column then
    return nil
  end
  local typed = api.nvim_buf_get_text(shown.buffer, row, shown.column, row, column, {})[1]
  return offer.rest(shown.texts[shown.index], typed)
end

local function hide()
  if shown and api.nvim_buf_is_valid(shown.buffer) then
    api.nvim_buf_clear_namespace(shown.buffer, namespace, 0, -1)
  end
end

local function draw()
  hide()
  local text = rest()
  if not text or not is_inserting() then
    return
  end
  local row, column = place()
  local chunks = vim.tbl_map(function(line)
    return { { line, "CerebrumGhost" } }
  end, vim.split(text, "\n", { plain = true }))
  api.nvim_buf_set_extmark(shown.buffer, namespace, row, column, {
    virt_text = table.remove(chunks, 1),
    virt_text_pos = shown.replaced > 0 and "overlay" or "inline",
    virt_lines = chunks,
    hl_mode = "combine",
  })
end

--- Forget what is offered.
local function drop()
  hide()
  shown = nil
end

--- Which of `texts` goes on from what is shown now: another one that was turned to stays, and grows.
---@param text string?
---@param texts string[]
---@return integer
local function index_of(text, texts)
  for index, each in ipairs(texts) do
    if text and vim.startswith(each, text) then
      return index
    end
  end
  return 1
end

---@param client vim.lsp.Client
---@param buffer integer
---@param result table
local function keep(client, buffer, result)
  local items = result.items or result
  if #items == 0 then
    return drop()
  end
  local range = items[1].range
  local row, column = place()
  local line = api.nvim_get_current_line()
  local replaced = 0
  if range then
    row = range.start.line
    line = api.nvim_buf_get_lines(buffer, row, row + 1, false)[1] or ""
    column = columns.to_bytes(line, range.start.character, client.offset_encoding)
    replaced = columns.to_bytes(line, range["end"].character, client.offset_encoding) - column
  end
  local texts = vim.tbl_map(function(item)
    return item.insertText
  end, items)
  local index = index_of(rest(), texts)
  hide()
  shown = {
    buffer = buffer,
    row = row,
    column = column,
    replaced = replaced,
    index = index,
    texts = texts,
  }
  draw()
end

---@return vim.lsp.Client?
local function client_of(buffer)
  return vim.lsp.get_clients({ bufnr = buffer, name = "cerebrum" })[1]
end

local function cancel()
  if waiting then
    client_methods.cancel_request(waiting.client, waiting.id)
    waiting = nil
  end
end

local ask

---@param kind integer
function ask(kind)
  local buffer = api.nvim_get_current_buf()
  local client = client_of(buffer)
  if not client or not is_inserting() then
    return
  end
  cancel()
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = kind }
  local tick = api.nvim_buf_get_changedtick(buffer)
  local id
  local function answered(error, result)
    if waiting and waiting.id == id then
      waiting = nil
    end
    -- An answer to an older text may still agree with what was typed since; `rest` decides.
    local stands = api.nvim_get_current_buf() == buffer and is_inserting()
    local is_newest = tick == api.nvim_buf_get_changedtick(buffer)
    local fits = stands and not is_put_away and (is_newest or not rest())
    if not error and type(result) == "table" and fits then
      keep(client, buffer, result)
    end
    if again and not waiting then
      again = false
      ask(AUTOMATIC)
    end
  end
  local is_sent, sent = client_methods.request(client, METHOD, params, answered, buffer)
  id = sent
  waiting = is_sent and { client = client, id = id } or nil
end

local function changed()
  is_put_away = false
  draw()
  timer:start(BURST_MS, 0, vim.schedule_wrap(function()
    ask(AUTOMATIC)
  end))
end

local function left()
  timer:stop()
  cancel()
  drop()
end

---@param buffer integer
function M.attach(buffer)
  api.nvim_clear_autocmds({ group = group, buffer = buffer })
  api.nvim_create_autocmd({ "InsertEnter", "TextChangedI", "TextChangedP", "CursorMovedI" }, {
    group = group,
    buffer = buffer,
    callback = changed,
  })
  api.nvim_create_autocmd({ "InsertLeave", "BufLeave" }, {
    group = group,
    buffer = buffer,
    callback = left,
  })
end

---@param buffer integer
function M.detach(buffer)
  api.nvim_clear_autocmds({ group = group, buffer = buffer })
  left()
end

--- A text has grown: ask again, which is answered at once.
function M.grown()
  if is_put_away then
    return
  end
  if waiting then
    again = true
  else
    ask(AUTOMATIC)
  end
end

function M.trigger()
  is_put_away = false
  ask(INVOKED)
end

function M.is_visible()
  return rest() ~= nil
end

--- Put the offer away: what still comes for this place does not bring it back.
function M.dismiss()
  is_put_away, again = true, false
  timer:stop()
  cancel()
  drop()
end

---@param part fun(text: string): string
function M.accept(part)
  local text = rest()
  if not text or not shown then
    return
  end
  local taken = part(text)
  local kept = shown
  local row, column = place()
  local is_whole = #taken == #text
  -- What is replaced is replaced at the end; until then the accepted parts stand before it.
  local replaced = is_whole and math.max(0, kept.column + kept.replaced - column) or 0
  hide()
  -- An undo step of its own.
  vim.bo.undolevels = vim.bo.undolevels
  local lines = vim.split(taken, "\n", { plain = true })
  api.nvim_buf_set_text(kept.buffer, row, column, row, column + replaced, lines)
  row, column = row + #lines - 1, (#lines == 1 and column or 0) + #lines[#lines]
  api.nvim_win_set_cursor(0, { row + 1, column })
  shown = not is_whole
      and {
        buffer = kept.buffer,
        row = row,
        column = column,
        texts = { text:sub(#taken + 1) },
        index = 1,
        replaced = kept.replaced,
      }
    or nil
  draw()
end

---@param count integer
function M.turn(count)
  if shown then
    shown.index = (shown.index - 1 + count) % #shown.texts + 1
    draw()
  end
end

return M
