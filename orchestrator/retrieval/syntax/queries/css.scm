(rule_set (selectors) @name (block) @body) @definition.selector
(keyframes_statement (keyframes_name) @name (keyframe_block_list) @body) @definition.selector
((declaration (property_name) @name) @definition.variable (#match? @name "^--"))
(comment) @comment

(import_statement (string_value) @module) @import
(import_statement (call_expression (arguments (string_value) @module))) @import

(class_name) @reference.name
(id_name) @reference.name
