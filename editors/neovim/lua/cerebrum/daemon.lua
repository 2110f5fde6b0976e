--- Finds the daemon's program.

local M = {}

local PROGRAM = "cerebrum-lsp"

--- Places to look at, in order, each with its name for `:checkhealth`.
---@return {where: string, path: string}[]
function M.candidates()
  local home = vim.uv.os_homedir()
  local found = {}
  local environment = vim.env.VIRTUAL_ENV or vim.env.CONDA_PREFIX
  if environment then
    table.insert(found, { where = "the active Python environment", path = environment .. "/bin/" .. PROGRAM })
  end
  table.insert(found, { where = "PATH", path = vim.fn.exepath(PROGRAM) })
  table.insert(found, { where = "pipx or uv", path = home .. "/.local/bin/" .. PROGRAM })
  return found
end

---@param config cerebrum.Config
---@return string[]? command
---@return string where it was found, or what to do
function M.command(config)
  if config.cmd then
    local is_there = vim.fn.executable(config.cmd[1]) == 1
    return is_there and config.cmd or nil, is_there and "the option cmd" or config.cmd[1] .. " can't be started"
  end
  for _, candidate in ipairs(M.candidates()) do
    if candidate.path ~= "" and vim.fn.executable(candidate.path) == 1 then
      return { candidate.path, "--stdio" }, candidate.where
    end
  end
  return nil, PROGRAM .. " was not found: run `pipx install .` in Cerebrum's folder, or set the option cmd"
end

return M
