--- :checkhealth cerebrum

local health = vim.health

local M = {}

local function check_editor()
  local version = vim.version()
  local text = ("Neovim %d.%d.%d"):format(version.major, version.minor, version.patch)
  if vim.fn.has("nvim-0.12") == 1 then
    health.ok(text .. ", with inline completion of its own")
  elseif vim.fn.has("nvim-0.10") == 1 then
    health.ok(text .. "; this plugin draws the ghost text")
  else
    health.error(text .. " is too old", "Install Neovim 0.10 or newer.")
  end
end

local function check_setup(cerebrum)
  if not cerebrum.config then
    health.warn("not set up", 'Put `require("cerebrum").setup({})` into your init.lua.')
    return
  end
  local command, where = require("cerebrum.daemon").command(cerebrum.config)
  if command then
    health.ok(("daemon: %s (from %s)"):format(table.concat(command, " "), where))
  else
    health.error(where, "Run `pipx install .` in Cerebrum's folder.")
  end
end

local function check_pool(cerebrum)
  if not require("cerebrum.session").client() then
    health.info("the daemon doesn't run yet; it starts with the first file")
    return
  end
  local state = cerebrum.state()
  if not state then
    health.warn("the daemon runs, but has said nothing of the pool yet")
  elseif state.state == "ready" or state.state == "busy" then
    health.ok("pool: " .. state.message)
  else
    health.warn("pool: " .. state.message, "Run `cerebrum-lsp doctor` in a terminal.")
  end
end

function M.check()
  local cerebrum = require("cerebrum")
  health.start("Cerebrum")
  check_editor()
  check_setup(cerebrum)
  check_pool(cerebrum)
end

return M
