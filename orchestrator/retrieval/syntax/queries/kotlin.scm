(class_declaration "interface" name: (identifier) @name (class_body)? @body) @definition.interface
(class_declaration name: (identifier) @name (enum_class_body) @body) @definition.enum
(class_declaration "class" name: (identifier) @name (class_body)? @body) @definition.class
(object_declaration name: (identifier) @name (class_body)? @body) @definition.class
(enum_entry (identifier) @name) @definition.field
(class_parameter (identifier) @name) @definition.field
(function_declaration name: (identifier) @name (function_body)? @body) @definition.function
(class_body (property_declaration (variable_declaration (identifier) @name)) @definition.field)
(source_file (property_declaration (variable_declaration (identifier) @name)) @definition.variable)
(type_alias type: (identifier) @name) @definition.type
[(line_comment) (block_comment)] @comment

(import) @import @tree

(call_expression . (identifier) @reference.call)
(call_expression . (navigation_expression (identifier) @reference.call .))
(user_type (identifier) @reference.type)
(identifier) @reference.name
