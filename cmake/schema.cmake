# gregor_schema: every message of schema/*/*.msg as C++, made by tools/schemac into the build folder ("gen/...").
add_library(gregor_schema INTERFACE)
