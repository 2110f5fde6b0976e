if vim.g.loaded_cerebrum then
  return
end
vim.g.loaded_cerebrum = true

---@type table<string, {run: fun(arguments: string[]), values: string[]?}>
local COMMANDS = {
  status = {
    run = function()
      local state = require("cerebrum").state()
      vim.notify("Cerebrum: " .. (state and state.message or "the daemon doesn't run yet"))
    end,
  },
  why = {
    run = function()
      require("cerebrum").why()
    end,
  },
  enable = {
    run = function(arguments)
      require("cerebrum").enable(true, arguments[1])
    end,
  },
  disable = {
    run = function(arguments)
      require("cerebrum").enable(false, arguments[1])
    end,
  },
  model = {
    run = function()
      require("cerebrum").select_model()
    end,
  },
  restart = {
    values = { "pool" },
    run = function(arguments)
      if arguments[1] == "pool" then
        require("cerebrum").restart_pool()
      else
        require("cerebrum").restart()
      end
    end,
  },
  log = {
    run = function()
      vim.cmd.split(vim.fn.fnameescape(require("cerebrum").log_file()))
    end,
  },
}

local function names()
  local all = vim.tbl_keys(COMMANDS)
  table.sort(all)
  return all
end

vim.api.nvim_create_user_command("Cerebrum", function(given)
  local arguments = given.fargs
  local command = COMMANDS[table.remove(arguments, 1)]
  if command then
    command.run(arguments)
  else
    vim.notify("Cerebrum: one of " .. table.concat(names(), ", "), vim.log.levels.ERROR)
  end
end, {
  nargs = "+",
  desc = "Cerebrum: status, why, enable, disable, model, restart, log",
  complete = function(lead, line)
    local words = vim.split(line, "%s+")
    local values = #words > 2 and (COMMANDS[words[2]] or {}).values or #words == 2 and names() or {}
    return vim.tbl_filter(function(name)
      return vim.startswith(name, lead)
    end, values or {})
  end,
})
