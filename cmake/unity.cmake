# Sources are compiled GREGOR_UNITY at a time: most of what a file costs are the headers that its neighbours include, too.
# Measured in docs/adr/0009-unity-builds.md. The inner loop (GREGOR_UNITY 0) compiles file by file.
set(GREGOR_UNITY 0 CACHE STRING "how many sources of a folder are compiled together; 0: each alone")

# Files with a private name that another file of their folder has, too: they are compiled alone. "redefinition of" in a
# unity build means a new one: give the name to both from one header, find a better one, or add the file here. fmt.cc defines what others only declare, and GCC
# warns of a private type in runtime.cc's classes when another file includes it.
set(GREGOR_ALONE
  sim/administration.cc sim/churn.cc sim/committed_reader.cc sim/fetch_loop.cc sim/operator.cc sim/teller.cc
  sim/bank_workload_test.cc sim/cluster_workload_test.cc sim/log_workload_test.cc
  src/base/fmt.cc src/io/asio/runtime.cc
  src/cli/dump_log.cc src/cli/topic_reader.cc src/cli/topics.cc
  src/controller/create_partitions.cc src/controller/delete_topics.cc src/controller/partition_change.cc
  src/controller/reassignments.cc
  src/controller/controller_test.cc
  src/coordinator/group/consumer/uniform_heterogeneous.cc src/coordinator/txn/marker_sender.cc src/coordinator/txn/txn_machine.cc
  src/coordinator/consumer_transcript_test.cc src/coordinator/transcript_test.cc src/coordinator/txn_transcript_test.cc
  src/coordinator/group/group_records_test.cc
  src/metadata/releases.cc
  src/node/format.cc src/node/format_request.cc src/node/format_request_test.cc src/node/scram_argument.cc src/node/voters_argument.cc
  src/records/codec_gzip.cc src/records/codec_snappy.cc src/records/validate.cc
  src/replication/replica_shard_check.cc src/replication/replica_shard_moves.cc
  src/server/handlers/add_offsets_to_txn.cc src/server/handlers/add_partitions_to_txn.cc
  src/server/handlers/consumer_group_describe.cc src/server/handlers/describe_topic_partitions.cc
  src/server/handlers/describe_user_scram_credentials.cc src/server/handlers/end_txn.cc
  src/server/handlers/heartbeat.cc src/server/handlers/list_offsets.cc src/server/handlers/list_transactions.cc
  src/server/handlers/metadata.cc src/server/handlers/offset_delete.cc src/server/handlers/offset_fetch.cc src/server/handlers/produce.cc
  src/server/connection_test.cc src/server/handlers/metadata_test.cc
  src/storage/checkpoint.cc src/storage/meta_properties.cc src/storage/txn_index.cc src/storage/log_marks_test.cc)

# gregor_batches(OUT target sources...): the same sources, those that may be compiled together behind files that include
# them. Paths are relative to the source tree, which is an include folder, so a unit is the same text in any tree.
function(gregor_batches out target)
  if(NOT GREGOR_UNITY)
    set(${out} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  set(units "")
  set(together "")
  foreach(source ${ARGN})
    file(RELATIVE_PATH path ${CMAKE_SOURCE_DIR} ${source})
    if(path IN_LIST GREGOR_ALONE)
      list(APPEND units ${source})
    else()
      list(APPEND together ${path})
    endif()
  endforeach()
  set(number 0)
  while(together)
    list(SUBLIST together 0 ${GREGOR_UNITY} batch)
    list(REMOVE_ITEM together ${batch})
    list(TRANSFORM batch REPLACE "(.+)" "#include \"\\1\"\n")
    string(JOIN "" text ${batch})
    set(unit ${CMAKE_BINARY_DIR}/unity/${target}_${number}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "${text}" @ONLY)
    list(APPEND units ${unit})
    math(EXPR number "${number} + 1")
  endwhile()
  set(${out} ${units} PARENT_SCOPE)
endfunction()
