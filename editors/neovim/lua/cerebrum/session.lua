--- The daemon's life in this Neovim: started with the first buffer, started again when it dies.

local client_methods = require("cerebrum.client")
local daemon = require("cerebrum.daemon")

local api = vim.api

local M = {}

--- A daemon that dies more often than this in a minute is left alone.
local RESTARTS_A_MINUTE = 3

local buffers = {} ---@type table<integer, true>
local deaths = {} ---@type integer[] milliseconds
local last_status ---@type table?
local has_complained = false
local is_ending = false

---@class cerebrum.Hooks
---@field attached fun(buffer: integer)
---@field grown fun()

---@param text string
---@param level integer?
function M.tell(text, level)
  vim.notify("Cerebrum: " .. text, level or vim.log.levels.INFO)
end

---@return vim.lsp.Client?
function M.client()
  return vim.lsp.get_clients({ name = "cerebrum" })[1]
end

--- The daemon's last `cerebrum/status`; nil while it doesn't run.
---@return table?
function M.state()
  return last_status
end

local function say_status(status)
  last_status = status
  api.nvim_exec_autocmds("User", { pattern = "CerebrumStatus", modeline = false, data = status })
  vim.cmd.redrawstatus({ bang = true })
end

local function capabilities()
  local own = vim.lsp.protocol.make_client_capabilities()
  -- Neovim before 0.12 doesn't know it; then this plugin does it.
  own.textDocument.inlineCompletion = own.textDocument.inlineCompletion or {}
  return own
end

---@param pool cerebrum.Pool
local function environment(pool)
  local key = type(pool.key) == "function" and pool.key() or pool.key
  return { CEREBRUM_ORCHESTRATOR_URL = pool.url, CEREBRUM_ORCHESTRATOR_KEY = key }
end

local function dies_too_often()
  local now = vim.uv.now()
  table.insert(deaths, now)
  deaths = vim.tbl_filter(function(at)
    return now - at < 60000
  end, deaths)
  return #deaths > RESTARTS_A_MINUTE
end

---@param config cerebrum.Config
---@param hooks cerebrum.Hooks
local function ended(config, hooks, code, signal)
  last_status = nil
  if is_ending or (code == 0 and signal == 0) then
    is_ending = false
    return
  end
  if dies_too_often() then
    return M.tell("the daemon ends again and again; :Cerebrum log says why", vim.log.levels.ERROR)
  end
  -- Neovim has told of the end itself; a second message would make the user press a key.
  M.start_all(config, hooks)
end

---@param config cerebrum.Config
---@param hooks cerebrum.Hooks
---@return vim.lsp.ClientConfig?
local function client_config(config, hooks, buffer)
  local command, reason = daemon.command(config)
  if not command then
    -- Once, and not for every buffer.
    if not has_complained then
      has_complained = true
      M.tell(reason, vim.log.levels.ERROR)
    end
    return nil
  end
  return {
    name = "cerebrum",
    cmd = command,
    cmd_env = environment(config.pool),
    root_dir = vim.fs.root(buffer, config.root_markers),
    capabilities = capabilities(),
    -- An empty table would go out as a list.
    settings = { cerebrum = next(config.settings) and config.settings or vim.empty_dict() },
    init_options = vim.tbl_extend("force", config.settings, {
      growingCompletions = true,
      completionItems = false,
    }),
    handlers = {
      ["cerebrum/status"] = function(_, status)
        say_status(status)
      end,
      ["cerebrum/inlineCompletionProgress"] = function(_, progress)
        if progress.uri == vim.uri_from_bufnr(0) then
          hooks.grown()
        end
      end,
    },
    on_attach = function(_, attached)
      buffers[attached] = true
      hooks.attached(attached)
    end,
    on_exit = vim.schedule_wrap(function(code, signal)
      ended(config, hooks, code, signal)
    end),
  }
end

---@param config cerebrum.Config
local function is_wanted(config, buffer)
  return vim.bo[buffer].buftype == ""
    and (config.filetypes == "all" or vim.tbl_contains(config.filetypes, vim.bo[buffer].filetype))
end

--- Attach the daemon to a buffer; start it if it doesn't run.
---@param config cerebrum.Config
---@param hooks cerebrum.Hooks
---@param buffer integer
function M.start(config, hooks, buffer)
  if not is_wanted(config, buffer) then
    return
  end
  local wanted = client_config(config, hooks, buffer)
  if wanted then
    vim.lsp.start(wanted, {
      bufnr = buffer,
      -- One daemon for all that is edited in this Neovim.
      reuse_client = function(client)
        return client.name == "cerebrum" and not client_methods.is_stopped(client)
      end,
    })
  end
end

---@param config cerebrum.Config
---@param hooks cerebrum.Hooks
function M.start_all(config, hooks)
  for buffer in pairs(buffers) do
    if api.nvim_buf_is_loaded(buffer) then
      M.start(config, hooks, buffer)
    end
  end
end

--- End the daemon and start it again for the buffers that it had.
---@param config cerebrum.Config
---@param hooks cerebrum.Hooks
function M.restart(config, hooks)
  has_complained, deaths = false, {}
  local client = M.client()
  if not client then
    buffers[api.nvim_get_current_buf()] = true
    return M.start_all(config, hooks)
  end
  is_ending = true
  client_methods.stop(client)
  local timer = assert(vim.uv.new_timer())
  timer:start(20, 20, vim.schedule_wrap(function()
    if client_methods.is_stopped(client) and not timer:is_closing() then
      timer:close()
      M.start_all(config, hooks)
    end
  end))
end

--- Ask the daemon for one of its commands.
---@param name string
---@param arguments table
---@param done fun(result: any)
function M.execute(name, arguments, done)
  local client = M.client()
  if not client then
    return M.tell("the daemon doesn't run; :checkhealth cerebrum says why", vim.log.levels.WARN)
  end
  local params = { command = name, arguments = arguments }
  client_methods.request(client, "workspace/executeCommand", params, function(error, result)
    if error then
      return M.tell(error.message, vim.log.levels.ERROR)
    end
    done(result)
  end, 0)
end

return M
