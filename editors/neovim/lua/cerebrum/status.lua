--- The daemon's `cerebrum/status` as a short text.

local M = {}

local SIGNS = {
  ready = "✓",
  busy = "…",
  loading = "↓",
  ["load-shed"] = "⏳",
  ["circuit-open"] = "⚠",
  ["no-node"] = "✗",
  unauthorized = "✗",
}

---@param status table? the last notification; nil before the first
---@param now number seconds since 1970
---@return string
function M.text(status, now)
  if not status then
    return ""
  end
  local text = ("Cerebrum %s"):format(SIGNS[status.state] or "?")
  if status.state == "loading" and type(status.model) == "string" then
    return ("%s %s"):format(text, status.model)
  end
  if type(status.retryAt) == "number" then
    return ("%s %ds"):format(text, math.max(0, math.ceil(status.retryAt - now)))
  end
  return text
end

return M
