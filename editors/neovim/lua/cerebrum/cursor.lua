--- Tells the daemon where the cursor rests: the pool reads the text there ahead, while nobody asks.

local client_methods = require("cerebrum.client")
local session = require("cerebrum.session")

local api = vim.api

local M = {}

local group = api.nvim_create_augroup("cerebrum.cursor", { clear = true })

--- As long as VS Code waits before it asks for code actions at a new place.
local RESTS_AFTER_MS = 250

local timer = assert(vim.uv.new_timer())

local function tell()
  local client = session.client()
  local buffer = api.nvim_get_current_buf()
  if not client or not vim.lsp.buf_is_attached(buffer, client.id) then
    return
  end
  local place = vim.lsp.util.make_position_params(0, client.offset_encoding)
  local argument = { uri = place.textDocument.uri, position = place.position }
  local params = { command = "cerebrum.cursor", arguments = { argument } }
  -- Nobody waits for the answer, and a daemon of an older version knows no such command.
  client_methods.request(client, "workspace/executeCommand", params, function() end, buffer)
end

--- Tell of the cursor in a buffer from now on.
---@param buffer integer
function M.attach(buffer)
  api.nvim_clear_autocmds({ group = group, buffer = buffer })
  api.nvim_create_autocmd({ "CursorMoved", "CursorMovedI" }, {
    group = group,
    buffer = buffer,
    callback = function()
      timer:start(RESTS_AFTER_MS, 0, vim.schedule_wrap(tell))
    end,
  })
end

return M
