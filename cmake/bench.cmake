# micro_bench: every bench/micro/*_bench.cc in one Google Benchmark binary. Not part of the default build.
find_package(benchmark QUIET)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/micro/*_bench.cc)
if(benchmark_FOUND AND sources)
  get_property(modules GLOBAL PROPERTY GREGOR_MODULES)
  list(REMOVE_ITEM modules gregor_cli)
  add_executable(micro_bench EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(micro_bench PRIVATE ${modules} benchmark::benchmark_main)
endif()

# load_bench: one load on one broker through librdkafka, driven by bench/run.py.
find_library(GREGOR_rdkafka_LIBRARY rdkafka)
file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/bench/load/*.cc)
if(GREGOR_rdkafka_LIBRARY)
  add_executable(load_bench EXCLUDE_FROM_ALL ${sources})
  target_include_directories(load_bench PRIVATE ${CMAKE_SOURCE_DIR}/bench)
  target_link_libraries(load_bench PRIVATE gregor_flags gregor_records ${GREGOR_rdkafka_LIBRARY} CLI11::CLI11 Threads::Threads)
endif()
