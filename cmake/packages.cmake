# Libraries before own code; all of them Debian 12 packages. Static archives where Debian has them.
find_package(Threads REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(Boost 1.81 REQUIRED)

# fmt without its library, of which Debian has no static archive: src/base/fmt.cc is that. spdlog is headers over it.
add_library(gregor_fmt INTERFACE)
target_include_directories(gregor_fmt SYSTEM INTERFACE
  $<TARGET_PROPERTY:fmt::fmt-header-only,INTERFACE_INCLUDE_DIRECTORIES>
  $<TARGET_PROPERTY:spdlog::spdlog_header_only,INTERFACE_INCLUDE_DIRECTORIES>)
target_compile_definitions(gregor_fmt INTERFACE SPDLOG_FMT_EXTERNAL)
add_library(gregor::fmt ALIAS gregor_fmt)

# A library without a CMake package: the static archive if there is one, else the shared object.
function(gregor_library name stem)
  find_library(GREGOR_${name}_LIBRARY NAMES lib${stem}.a ${stem} REQUIRED)
  add_library(gregor::${name} UNKNOWN IMPORTED)
  set_target_properties(gregor::${name} PROPERTIES IMPORTED_LOCATION ${GREGOR_${name}_LIBRARY})
endfunction()
gregor_library(isal isal)
gregor_library(snappy snappy)
gregor_library(lz4 lz4)
gregor_library(zstd zstd)
gregor_library(re2 re2)
gregor_library(xxhash xxhash)
