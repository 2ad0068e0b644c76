# Runs while weir is being installed: what depends on the prefix, and what must not replace an administrator's file.
# `source`, `work`, `weir` (the built program), `sbin`, `man` and `version` come from CMakeLists.txt.

# Two installations at a time do not share files.
string(RANDOM LENGTH 12 name)
set(work "${work}/install-${name}")
file(MAKE_DIRECTORY "${work}")

# Programs under /usr and /usr/local are configured in /etc, as their users expect; others beside themselves.
cmake_path(SET prefix NORMALIZE "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" prefix "${prefix}")
if(prefix MATCHES "^/usr(/local)?$")
  set(etc /etc)
else()
  set(etc "${prefix}/etc")
endif()

file(READ "${source}/weir.service.in" unit)
string(REPLACE "@SBINDIR@" "${prefix}/${sbin}" unit "${unit}")
string(REPLACE "@SYSCONFDIR@" "${etc}" unit "${unit}")
file(WRITE "${work}/weir.service" "${unit}")
file(INSTALL "${work}/weir.service" DESTINATION "${prefix}/lib/systemd/system")

if(EXISTS "$ENV{DESTDIR}${etc}/weir/weir.yaml")
  message(STATUS "Keeping: ${etc}/weir/weir.yaml")
else()
  file(INSTALL "${source}/weir.yaml" DESTINATION "${etc}/weir")
endif()
file(INSTALL "${source}/weir.logrotate" DESTINATION "${etc}/logrotate.d" RENAME weir)

# The rest is made by weir itself, from the commands that it knows.
execute_process(COMMAND "${weir}" completion manual OUTPUT_VARIABLE commands RESULT_VARIABLE failed
  OUTPUT_STRIP_TRAILING_WHITESPACE)
if(failed)
  message(FATAL_ERROR "${weir} completion manual: ${failed}")
endif()
file(READ "${source}/weir.8.in" page)
string(REPLACE "@VERSION@" "${version}" page "${page}")
string(REPLACE "@COMMANDS@" "${commands}" page "${page}")
file(WRITE "${work}/weir.8" "${page}")
file(INSTALL "${work}/weir.8" DESTINATION "${prefix}/${man}/man8")

foreach(target bash:bash-completion/completions/weir zsh:zsh/site-functions/_weir fish:fish/vendor_completions.d/weir.fish)
  string(REPLACE ":" ";" target ${target})
  list(GET target 0 shell)
  list(GET target 1 path)
  cmake_path(GET path FILENAME name)
  cmake_path(GET path PARENT_PATH folder)
  file(MAKE_DIRECTORY "${work}/${shell}")
  execute_process(COMMAND "${weir}" completion ${shell} OUTPUT_FILE "${work}/${shell}/${name}" RESULT_VARIABLE failed)
  if(failed)
    message(FATAL_ERROR "${weir} completion ${shell}: ${failed}")
  endif()
  file(INSTALL "${work}/${shell}/${name}" DESTINATION "${prefix}/share/${folder}")
endforeach()
file(REMOVE_RECURSE "${work}")
