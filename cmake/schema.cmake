# gregor_schema: every message of schema/*/*.msg as C++, made by tools/schemac into the build folder ("gen/...").
# gregor_schema_arbitrary: random messages for tests; only test binaries link it.
find_package(Python3 REQUIRED COMPONENTS Interpreter)

set(GREGOR_GEN ${CMAKE_BINARY_DIR}/include/gen)
file(GLOB GREGOR_MSG CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/schema/*/*.msg)
file(GLOB GREGOR_SCHEMAC CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tools/schemac/*.py)
list(FILTER GREGOR_SCHEMAC EXCLUDE REGEX "_test\\.py$")

set(gen_headers ${GREGOR_GEN}/api_keys.h ${GREGOR_GEN}/arbitrary.h)
foreach(msg ${GREGOR_MSG})
  file(RELATIVE_PATH header ${CMAKE_SOURCE_DIR}/schema ${msg})
  string(REGEX REPLACE "/[0-9]+_" "/" header ${header})
  string(REGEX REPLACE "\\.msg$" ".h" header ${header})
  list(APPEND gen_headers ${GREGOR_GEN}/${header})
endforeach()
set(gen_codec ${GREGOR_GEN}/api_rows.cc ${GREGOR_GEN}/catalogue.cc)
foreach(unit RANGE 9)
  list(APPEND gen_codec ${GREGOR_GEN}/codec_0${unit}.cc)
endforeach()
set(gen_arbitrary ${GREGOR_GEN}/arbitrary_rows.cc)
foreach(unit RANGE 3)
  list(APPEND gen_arbitrary ${GREGOR_GEN}/arbitrary_0${unit}.cc)
endforeach()

# schemac leaves files alone whose text does not change, so a change to one message recompiles little.
add_custom_command(
  OUTPUT ${gen_headers} ${gen_codec} ${gen_arbitrary}
  COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_SOURCE_DIR}/tools/schemac/schemac.py ${CMAKE_SOURCE_DIR}/schema ${GREGOR_GEN}
  DEPENDS ${GREGOR_MSG} ${GREGOR_SCHEMAC}
  COMMENT "schemac: generating the messages" VERBATIM)
add_custom_target(gregor_gen DEPENDS ${gen_headers} ${gen_codec} ${gen_arbitrary})

add_library(gregor_schema STATIC ${gen_codec})
add_dependencies(gregor_schema gregor_gen)
target_include_directories(gregor_schema PUBLIC ${CMAKE_BINARY_DIR}/include)
target_precompile_headers(gregor_schema REUSE_FROM gregor_std_pch)
# The messages are written in terms of protocol/reader.h and writer.h, and protocol/ serves the messages: one library
# in two archives.
target_link_libraries(gregor_schema PUBLIC gregor_flags gregor_base gregor_protocol)

add_library(gregor_schema_arbitrary STATIC EXCLUDE_FROM_ALL ${gen_arbitrary})
add_dependencies(gregor_schema_arbitrary gregor_gen)
target_precompile_headers(gregor_schema_arbitrary REUSE_FROM gregor_std_pch)
target_link_libraries(gregor_schema_arbitrary PUBLIC gregor_schema)

add_test(NAME schemac COMMAND ${Python3_EXECUTABLE} -B -m unittest discover -s ${CMAKE_SOURCE_DIR}/tools/schemac -p "*_test.py")

# The codec against Kafka's own bytes, and its properties on random messages.
file(GLOB golden_tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/golden/*.cc)
find_package(Boost 1.81 REQUIRED COMPONENTS json)
add_executable(golden_test ${golden_tests})
target_compile_definitions(golden_test PRIVATE GREGOR_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_include_directories(golden_test PRIVATE ${CMAKE_SOURCE_DIR}/tests/golden)
target_link_libraries(golden_test PRIVATE gregor_schema_arbitrary gregor_protocol gregor_metadata gregor_records gregor_coordinator Boost::json ZLIB::ZLIB GTest::gtest_main)
target_precompile_headers(golden_test REUSE_FROM gregor_test_pch)
add_test(NAME golden COMMAND golden_test --gtest_brief=1)
