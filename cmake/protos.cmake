# Compiles api/**/*.proto into the library tepui_protos; includes read "mesos/v1/mesos.pb.h".

set(api ${CMAKE_SOURCE_DIR}/api)
set(generated ${CMAKE_BINARY_DIR}/protos)
file(MAKE_DIRECTORY ${generated})
file(GLOB_RECURSE protos CONFIGURE_DEPENDS RELATIVE ${api} ${api}/mesos/*.proto ${api}/tepui/*.proto)
set(proto_sources)
set(proto_headers)
foreach(proto ${protos})
  string(REGEX REPLACE "\\.proto$" ".pb.cc" source ${generated}/${proto})
  string(REGEX REPLACE "\\.proto$" ".pb.h" header ${generated}/${proto})
  add_custom_command(OUTPUT ${source} ${header}
    COMMAND protobuf::protoc --proto_path=${api} --cpp_out=${generated} ${proto}
    DEPENDS ${api}/${proto}
    COMMENT "protoc ${proto}" VERBATIM)
  list(APPEND proto_sources ${source})
  list(APPEND proto_headers ${header})
endforeach()
add_library(tepui_protos STATIC ${proto_sources})
target_include_directories(tepui_protos SYSTEM PUBLIC ${generated})
target_link_libraries(tepui_protos PUBLIC protobuf::libprotobuf)
# Generated code is neither ours to check nor cheap to instrument.
target_compile_options(tepui_protos PRIVATE -w -fno-sanitize=all)
add_custom_target(tepui_proto_headers DEPENDS ${proto_headers})

# One precompiled header for all modules: the standard library, fmt, Asio and the messages. Its library also carries
# Asio's own code, compiled once (BOOST_ASIO_SEPARATE_COMPILATION).
add_library(tepui_pch STATIC ${CMAKE_SOURCE_DIR}/cmake/pch.cc)
add_dependencies(tepui_pch tepui_proto_headers)
target_include_directories(tepui_pch PUBLIC ${CMAKE_SOURCE_DIR}/src)
target_link_libraries(tepui_pch PUBLIC tepui_protos fmt::fmt Threads::Threads)
target_precompile_headers(tepui_pch PRIVATE ${CMAKE_SOURCE_DIR}/cmake/pch.h)
