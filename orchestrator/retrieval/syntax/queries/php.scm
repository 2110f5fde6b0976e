(namespace_definition name: (namespace_name) @name) @definition.module
(class_declaration name: (name) @name body: (_) @body) @definition.class
(interface_declaration name: (name) @name body: (_) @body) @definition.interface
(trait_declaration name: (name) @name body: (_) @body) @definition.interface
(enum_declaration name: (name) @name body: (_) @body) @definition.enum
(enum_case name: (name) @name) @definition.field
(function_definition name: (name) @name body: (_) @body) @definition.function
(method_declaration name: (name) @name body: (_)? @body) @definition.method
(property_declaration (property_element name: (variable_name) @name)) @definition.field
(class_declaration (declaration_list (const_declaration (const_element (name) @name))
  @definition.field))
(program (const_declaration (const_element (name) @name)) @definition.variable)
(comment) @comment

(namespace_use_declaration (namespace_use_clause) @tree) @import
(namespace_use_declaration (namespace_name) @prefix
  body: (namespace_use_group (namespace_use_clause) @tree)) @import
[(require_expression (string (string_content) @module))
 (require_once_expression (string (string_content) @module))
 (include_expression (string (string_content) @module))
 (include_once_expression (string (string_content) @module))] @import

(function_call_expression function: (name) @reference.call)
(member_call_expression name: (name) @reference.call)
(scoped_call_expression name: (name) @reference.call)
(object_creation_expression (name) @reference.call)
(named_type (name) @reference.type)
(base_clause (name) @reference.type)
(name) @reference.name
