# SPDX-License-Identifier: Apache-2.0
# Runs at `cmake --install`. The unit names the program where it really is; the bus and the daemon look for their files in
# places that do not move with the prefix. file(INSTALL) heeds DESTDIR.
cmake_path(ABSOLUTE_PATH SPLICED_BINDIR BASE_DIRECTORY "${CMAKE_INSTALL_PREFIX}" OUTPUT_VARIABLE bindir)
configure_file("${SPLICED_SOURCE}/systemd/spliced.service.in" "${SPLICED_BINARY}/systemd/spliced.service" @ONLY)
file(INSTALL "${SPLICED_BINARY}/systemd/spliced.service" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")

file(INSTALL "${SPLICED_SOURCE}/systemd/spliced.socket" DESTINATION "${CMAKE_INSTALL_PREFIX}/lib/systemd/system")

# Below /usr/local dbus-daemon looks for no policy, and finds services.
set(policy "${CMAKE_INSTALL_PREFIX}/${SPLICED_DATADIR}/dbus-1/system.d")
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr/local")
  set(policy /etc/dbus-1/system.d)
endif()
file(INSTALL "${SPLICED_SOURCE}/systemd/org.spliced.Manager1.conf" DESTINATION "${policy}")
file(INSTALL "${SPLICED_SOURCE}/systemd/org.spliced.Manager1.service"
     DESTINATION "${CMAKE_INSTALL_PREFIX}/${SPLICED_DATADIR}/dbus-1/system-services")

# The daemon reads /etc/spliced/spliced.json, wherever it is installed itself. A file that is there is the administrator's.
if(CMAKE_INSTALL_PREFIX MATCHES "^/usr(/local)?$" AND NOT EXISTS "$ENV{DESTDIR}/etc/spliced/spliced.json")
  file(INSTALL "${SPLICED_SOURCE}/packaging/spliced.json" DESTINATION /etc/spliced)
endif()
