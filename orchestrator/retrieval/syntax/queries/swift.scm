(class_declaration name: (type_identifier) @name body: (enum_class_body) @body) @definition.enum
(class_declaration name: (type_identifier) @name body: (class_body) @body) @definition.class
(class_declaration "extension" name: (user_type (type_identifier) @name) body: (_) @body)
  @definition.implementation
(protocol_declaration name: (type_identifier) @name body: (_) @body) @definition.interface
(function_declaration name: (simple_identifier) @name body: (_)? @body) @definition.function
(protocol_function_declaration name: (simple_identifier) @name) @definition.method
(init_declaration "init" @name body: (_)? @body) @definition.method
(enum_entry name: (simple_identifier) @name) @definition.field
(class_body (property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)) @definition.field)
(source_file (property_declaration
  name: (pattern bound_identifier: (simple_identifier) @name)) @definition.variable)
(typealias_declaration name: (type_identifier) @name) @definition.type
[(comment) (multiline_comment)] @comment

(import_declaration (identifier) @module) @import

(call_expression . (simple_identifier) @reference.call)
(call_expression . (navigation_expression
  suffix: (navigation_suffix suffix: (simple_identifier) @reference.call)))
(type_identifier) @reference.type
(simple_identifier) @reference.name
