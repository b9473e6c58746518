# What a preset may switch, and the flags that every target of ours gets.
option(GREGOR_DCHECK "O(n) checks inside the cores" ON)
option(GREGOR_PLANTED_BUGS "compile the planted bugs that prove the checkers; test builds only" ON)
set(GREGOR_SANITIZE "" CACHE STRING "sanitizers for every target, as for -fsanitize=")
option(GREGOR_FUZZ "build the libFuzzer targets (Clang)" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${CMAKE_SOURCE_DIR} CCACHE_NOHASHDIR=1 ${CCACHE})
endif()

add_library(gregor_flags INTERFACE)
target_compile_options(gregor_flags INTERFACE
  -Wall -Wextra -Wshadow -Wconversion -Wswitch-enum -Wnon-virtual-dtor -Werror
  -Wno-missing-field-initializers  # designated initialisers leave out what keeps its default
  -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # False positives of GCC 12 on plain string and vector code.
  target_compile_options(gregor_flags INTERFACE -Wno-restrict -Wno-stringop-overflow -Wno-stringop-overread
    -Wno-array-bounds -Wno-maybe-uninitialized)
else()
  # Without a time stamp in the precompiled header, ccache finds what another tree has compiled.
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
  target_compile_options(gregor_flags INTERFACE -Wno-gnu-statement-expression)
endif()
if(GREGOR_DCHECK)
  target_compile_definitions(gregor_flags INTERFACE GREGOR_DCHECK)
endif()
if(GREGOR_PLANTED_BUGS)
  target_compile_definitions(gregor_flags INTERFACE GREGOR_PLANTED_BUGS)
endif()
if(GREGOR_SANITIZE)
  add_compile_options(-fsanitize=${GREGOR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${GREGOR_SANITIZE})
endif()
if(GREGOR_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()
add_link_options(-fuse-ld=lld)
