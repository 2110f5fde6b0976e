(namespace_definition name: (_) @name body: (_) @body) @definition.module
(template_declaration (class_specifier
  name: (type_identifier) @name body: (_) @body)) @definition.class
(class_specifier name: (type_identifier) @name body: (_) @body) @definition.class
(template_declaration (struct_specifier
  name: (type_identifier) @name body: (_) @body)) @definition.class
(struct_specifier name: (type_identifier) @name body: (_) @body) @definition.class
(union_specifier name: (type_identifier) @name body: (_) @body) @definition.class
(enum_specifier name: (type_identifier) @name body: (_) @body) @definition.enum
(enumerator name: (identifier) @name) @definition.field
(template_declaration (function_definition declarator: (function_declarator
  declarator: (_) @name) body: (_) @body)) @definition.function
(function_definition declarator: (function_declarator
  declarator: (_) @name) body: (_) @body) @definition.function
(function_definition declarator: (pointer_declarator declarator: (function_declarator
  declarator: (_) @name)) body: (_) @body) @definition.function
(function_definition declarator: (reference_declarator (function_declarator
  declarator: (_) @name)) body: (_) @body) @definition.function
(translation_unit (declaration declarator: (function_declarator
  declarator: (_) @name)) @definition.function)
(field_declaration declarator: (function_declarator
  declarator: (field_identifier) @name)) @definition.method
(field_declaration declarator: (field_identifier) @name) @definition.field
(field_declaration declarator: (pointer_declarator
  declarator: (field_identifier) @name)) @definition.field
(alias_declaration name: (type_identifier) @name) @definition.type
(type_definition declarator: (type_identifier) @name) @definition.type
(preproc_def name: (identifier) @name) @definition.macro
(preproc_function_def name: (identifier) @name) @definition.macro
(translation_unit (declaration
  declarator: (init_declarator declarator: (identifier) @name)) @definition.variable)
(comment) @comment

(preproc_include path: (_) @module) @import
(using_declaration (qualified_identifier) @tree) @import

(call_expression function: (identifier) @reference.call)
(call_expression function: (field_expression field: (field_identifier) @reference.call))
(call_expression function: (qualified_identifier name: (identifier) @reference.call))
(type_identifier) @reference.type
(field_identifier) @reference.name
(identifier) @reference.name
