--- Columns: Neovim counts bytes, the protocol counts in the encoding that was agreed on.

local M = {}

---@param line string
---@param character integer from 0, in units of `encoding`
---@param encoding string "utf-8", "utf-16" or "utf-32"
---@return integer bytes from 0, never past the line's end
function M.to_bytes(line, character, encoding)
  if encoding == "utf-8" then
    return math.min(character, #line)
  end
  if vim.fn.has("nvim-0.11") == 1 then
    return vim.str_byteindex(line, encoding, character, false)
  end
  local width = encoding == "utf-16" and select(2, vim.str_utfindex(line)) or vim.str_utfindex(line)
  return vim.str_byteindex(line, math.min(character, width), encoding == "utf-16")
end

return M
