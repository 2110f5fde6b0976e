--- Keys in insert mode: each does its part while something is offered, else what it did before.

local api = vim.api

local M = {}

---@class cerebrum.Action
---@field run fun()
---@field needs_offer boolean
---@field help string

local function codes(keys)
  return api.nvim_replace_termcodes(keys, true, true, true)
end

--- What a key meant before we took it, as the keys that an expression mapping gives.
---@param before table from maparg(); empty if it was not mapped
---@param key string
---@return string
local function fall_back(before, key)
  if before.callback then
    local result = before.callback()
    if before.expr == 1 and type(result) == "string" then
      return before.replace_keycodes == 1 and codes(result) or result
    end
    return ""
  end
  if before.rhs and before.rhs ~= "" then
    return before.expr == 1 and api.nvim_eval(before.rhs) or codes(before.rhs)
  end
  return codes(key)
end

---@param buffer integer
---@param keys cerebrum.Keys
---@param actions table<string, cerebrum.Action>
---@param is_visible fun(): boolean
function M.map(buffer, keys, actions, is_visible)
  for name, action in pairs(actions) do
    local key = keys[name]
    local before = key and vim.fn.maparg(key, "i", false, true) or {}
    -- A buffer that is attached again has our own mapping already.
    if key and not vim.startswith(before.desc or "", "Cerebrum: ") then
      vim.keymap.set("i", key, function()
        if action.needs_offer and not is_visible() then
          return fall_back(before, key)
        end
        -- The text is locked while an expression is evaluated.
        vim.schedule(action.run)
        return ""
      end, {
        buffer = buffer,
        expr = true,
        replace_keycodes = false,
        desc = "Cerebrum: " .. action.help,
      })
    end
  end
end

return M
