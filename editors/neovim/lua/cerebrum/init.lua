--- Code completion and code actions from machines you already own. See :help cerebrum.

local configuration = require("cerebrum.config")
local cursor = require("cerebrum.cursor")
local keys = require("cerebrum.keys")
local offer = require("cerebrum.offer")
local session = require("cerebrum.session")
local status = require("cerebrum.status")
local why = require("cerebrum.why")

local api = vim.api

local M = {}

local group = api.nvim_create_augroup("cerebrum", { clear = true })

---@type cerebrum.Config?
M.config = nil

local function is_native()
  local wanted = M.config.ghost_text
  -- Neovim's own always asks by itself: not for those who ask by hand.
  local is_manual = M.config.settings.trigger == "manual"
  return wanted == "native" or (wanted == "auto" and vim.fn.has("nvim-0.12") == 1 and not is_manual)
end

local function ghost()
  return require(is_native() and "cerebrum.native" or "cerebrum.ghost")
end

function M.is_visible()
  return ghost().is_visible()
end

function M.accept()
  ghost().accept(offer.whole)
end

function M.accept_word()
  ghost().accept(offer.word)
end

function M.accept_line()
  ghost().accept(offer.line)
end

function M.next()
  ghost().turn(1)
end

function M.previous()
  ghost().turn(-1)
end

function M.dismiss()
  ghost().dismiss()
end

function M.trigger()
  ghost().trigger()
end

---@type table<string, cerebrum.Action>
local ACTIONS = {
  accept = { run = M.accept, needs_offer = true, help = "accept the completion" },
  accept_word = { run = M.accept_word, needs_offer = true, help = "accept its next word" },
  accept_line = { run = M.accept_line, needs_offer = true, help = "accept its next line" },
  next = { run = M.next, needs_offer = true, help = "show the next one" },
  previous = { run = M.previous, needs_offer = true, help = "show the one before" },
  dismiss = { run = M.dismiss, needs_offer = true, help = "put it away" },
  trigger = { run = M.trigger, needs_offer = false, help = "ask for a completion" },
}

---@type cerebrum.Hooks
local HOOKS = {
  attached = function(buffer)
    ghost().attach(buffer)
    cursor.attach(buffer)
    if M.config.keys then
      keys.map(buffer, M.config.keys, ACTIONS, M.is_visible)
    end
  end,
  grown = function()
    ghost().grown()
  end,
}

--- Set up the plugin; see :help cerebrum-options.
---@param options table?
function M.setup(options)
  local config, problems = configuration.merge(options)
  M.config = config
  for _, problem in ipairs(problems) do
    session.tell(problem, vim.log.levels.WARN)
  end
  api.nvim_set_hl(0, "CerebrumGhost", { link = "Comment", default = true })
  api.nvim_create_autocmd("FileType", {
    group = group,
    callback = function(event)
      session.start(config, HOOKS, event.buf)
    end,
  })
  for _, buffer in ipairs(api.nvim_list_bufs()) do
    if api.nvim_buf_is_loaded(buffer) and vim.bo[buffer].filetype ~= "" then
      session.start(config, HOOKS, buffer)
    end
  end
end

--- A short text for the status line; empty until the daemon has said something.
---@return string
function M.status()
  return status.text(session.state(), os.time())
end

--- The daemon's last `cerebrum/status`, for status lines of one's own.
M.state = session.state

---@param title string
---@param lines string[]
local function show(title, lines)
  vim.cmd("botright new")
  local buffer = api.nvim_get_current_buf()
  vim.bo[buffer].buftype, vim.bo[buffer].bufhidden = "nofile", "wipe"
  api.nvim_buf_set_lines(buffer, 0, -1, false, lines)
  api.nvim_buf_set_name(buffer, ("cerebrum://%s/%d"):format(title, buffer))
  vim.bo[buffer].modifiable = false
  api.nvim_win_set_height(0, math.min(#lines, 15))
end

--- Say what became of the last requests in this buffer.
function M.why()
  session.execute("cerebrum.whyNoCompletion", { vim.uri_from_bufnr(0) }, function(records)
    show("why", why.lines(records))
  end)
end

--- Switch completions on or off for this session, everywhere or for one language.
---@param is_enabled boolean
---@param language string?
function M.enable(is_enabled, language)
  session.execute("cerebrum.setEnabled", { is_enabled, language }, function()
    local where = language and " for " .. language or ""
    session.tell(("completions are %s%s"):format(is_enabled and "on" or "off", where))
  end)
  if not is_enabled then
    M.dismiss()
  end
end

---@param name string
local function ask_model(name)
  session.execute("cerebrum.selectModel", { name }, function(chosen)
    local said = chosen.message ~= vim.NIL and chosen.message
    session.tell(said or ("%s is asked from now on"):format(chosen.selected))
  end)
end

--- Let the user choose the model that is asked.
function M.select_model()
  session.execute("cerebrum.selectModel", {}, function(found)
    vim.ui.select(found.models, {
      prompt = "Model",
      format_item = function(model)
        return model.name .. (model.loaded and " (loaded)" or "")
      end,
    }, function(model)
      if model then
        ask_model(model.name)
      end
    end)
  end)
end

--- End the daemon and start it again, with the buffers that it had.
function M.restart()
  session.restart(M.config, HOOKS)
end

--- Start the pool on this machine anew, or connect to a remote one anew.
function M.restart_pool()
  session.execute("cerebrum.restartPool", {}, function(result)
    session.tell(result.message)
  end)
end

--- The daemon's log file.
---@return string
function M.log_file()
  local state = vim.env.XDG_STATE_HOME or (vim.uv.os_homedir() .. "/.local/state")
  return state .. "/cerebrum/log/cerebrum-lsp.log"
end

return M
