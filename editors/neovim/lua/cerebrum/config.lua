--- What a user can set, its defaults, and what is wrong with what was set.

local M = {}

---@class cerebrum.Pool
---@field url string? address of your pool; nil: the daemon finds or starts one on this machine
---@field key string|(fun(): string)|nil its key, or a function that fetches it (from a password store, say)

---@class cerebrum.Keys
---@field accept string|false
---@field accept_word string|false
---@field accept_line string|false
---@field next string|false
---@field previous string|false
---@field dismiss string|false
---@field trigger string|false

---@class cerebrum.Config
M.defaults = {
  ---@type string[]? how the daemon is started; nil: it is looked for
  cmd = nil,
  ---@type cerebrum.Pool
  pool = {},
  ---@type string[]|"all" file types it is attached to
  filetypes = "all",
  ---@type string[] what a workspace's root holds
  root_markers = { ".git", ".hg", "pyproject.toml", "package.json", "Cargo.toml", "go.mod" },
  ---@type "auto"|"native"|"own" who draws: Neovim's own inline completion (0.12 and newer) or this plugin
  ghost_text = "auto",
  --- The daemon's settings (:help cerebrum-settings), sent as they are.
  settings = {},
  ---@type cerebrum.Keys|false keys in insert mode; false: none
  keys = {
    accept = "<Tab>",
    accept_word = "<M-w>",
    accept_line = "<M-l>",
    next = "<M-]>",
    previous = "<M-[>",
    dismiss = "<C-]>",
    trigger = "<M-\\>",
  },
}

local GHOST_TEXTS = { auto = true, native = true, own = true }

local function is_list_of_strings(value)
  return type(value) == "table"
    and vim.iter(value):all(function(part)
      return type(part) == "string"
    end)
end

--- Names of keys that no default has: a misspelt option must not be ignored in silence.
local function unknown(options, known, where)
  return vim
    .iter(pairs(options))
    :filter(function(name)
      return not known[name]
    end)
    :map(function(name)
      return ("%s%s is no option"):format(where, name)
    end)
    :totable()
end

local OPTIONS = {
  cmd = true,
  pool = true,
  filetypes = true,
  root_markers = true,
  ghost_text = true,
  settings = true,
  keys = true,
}

--- Lay `options` over the defaults.
---@param options table?
---@return cerebrum.Config config the defaults where an option is wrong
---@return string[] problems a sentence each
function M.merge(options)
  options = vim.deepcopy(options or {})
  local problems = unknown(options, OPTIONS, "")
  local function refuse(name, wrong, wanted)
    if wrong then
      table.insert(problems, ("%s: must be %s"):format(name, wanted))
      options[name] = nil
    end
  end
  refuse("cmd", options.cmd ~= nil and not is_list_of_strings(options.cmd), "a list of strings")
  refuse("pool", options.pool ~= nil and type(options.pool) ~= "table", "a table")
  refuse(
    "filetypes",
    options.filetypes ~= nil and options.filetypes ~= "all" and not is_list_of_strings(options.filetypes),
    '"all" or a list of file types'
  )
  refuse(
    "ghost_text",
    options.ghost_text ~= nil and not GHOST_TEXTS[options.ghost_text],
    '"auto", "native" or "own"'
  )
  refuse(
    "root_markers",
    options.root_markers ~= nil and not is_list_of_strings(options.root_markers),
    "a list of names"
  )
  refuse("settings", options.settings ~= nil and type(options.settings) ~= "table", "a table")
  refuse(
    "keys",
    options.keys ~= nil and options.keys ~= false and type(options.keys) ~= "table",
    "a table or false"
  )
  if type(options.keys) == "table" then
    vim.list_extend(problems, unknown(options.keys, M.defaults.keys, "keys."))
  end
  local config = vim.tbl_deep_extend("force", M.defaults, options)
  -- A list is replaced, not merged with the default's.
  for _, name in ipairs({ "root_markers", "filetypes" }) do
    config[name] = options[name] or M.defaults[name]
  end
  return config, problems
end

return M
