--- Methods of an LSP client, which are called with a dot in Neovim 0.10 and with a colon since.

local M = {}

local IS_COLON = vim.fn.has("nvim-0.11") == 1

for _, name in ipairs({ "request", "cancel_request", "stop", "is_stopped" }) do
  ---@param client vim.lsp.Client
  M[name] = function(client, ...)
    if IS_COLON then
      return client[name](client, ...)
    end
    return client[name](...)
  end
end

return M
