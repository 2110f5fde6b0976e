((attribute (attribute_name) @attribute (quoted_attribute_value (attribute_value) @name))
  @definition.key (#eq? @attribute "id"))

((script_element (start_tag (attribute (attribute_name) @attribute
  (quoted_attribute_value (attribute_value) @module)))) @import (#eq? @attribute "src"))
((element (start_tag (tag_name) @tag (attribute (attribute_name) @attribute
  (quoted_attribute_value (attribute_value) @module)))) @import
  (#eq? @tag "link") (#eq? @attribute "href"))
