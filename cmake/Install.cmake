# SPDX-License-Identifier: Apache-2.0
install(TARGETS spliced splicectl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(FILES api/org.spliced.Manager1.xml api/org.spliced.Job1.xml DESTINATION ${CMAKE_INSTALL_DATADIR}/dbus-1/interfaces)
install(FILES packaging/man/spliced.8 DESTINATION ${CMAKE_INSTALL_MANDIR}/man8)
install(FILES packaging/man/spliced.json.5 packaging/man/spliced-job.5 DESTINATION ${CMAKE_INSTALL_MANDIR}/man5)
install(FILES packaging/man/splicectl.1 DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
install(FILES packaging/completions/spliced.bash RENAME spliced
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES packaging/completions/splicectl.bash RENAME splicectl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES packaging/completions/_spliced packaging/completions/_splicectl
        DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
install(FILES packaging/spliced.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(DIRECTORY api/examples DESTINATION ${CMAKE_INSTALL_DOCDIR})
# The daemon has them built in; these are to look at, and to begin others with.
install(DIRECTORY api/recipes DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES api/results.schema.json DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES packaging/prometheus/prometheus.yml DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES packaging/grafana/spliced.json RENAME dashboard.json DESTINATION ${CMAKE_INSTALL_DOCDIR}/examples)
install(FILES systemd/spliced.catalog DESTINATION lib/systemd/catalog)
install(FILES systemd/spliced.rules RENAME 50-spliced.rules DESTINATION ${CMAKE_INSTALL_DATADIR}/polkit-1/rules.d)
install(FILES systemd/org.spliced.policy DESTINATION ${CMAKE_INSTALL_DATADIR}/polkit-1/actions)
install(FILES systemd/90-spliced.preset DESTINATION lib/systemd/system-preset)
install(FILES systemd/spliced.sysusers.conf RENAME spliced.conf DESTINATION lib/sysusers.d)

# What depends on the prefix is settled when it is installed: `cmake --install --prefix` may name another one.
install(CODE "set(SPLICED_SOURCE [[${CMAKE_SOURCE_DIR}]])\nset(SPLICED_BINARY [[${CMAKE_BINARY_DIR}]])
set(SPLICED_BINDIR [[${CMAKE_INSTALL_BINDIR}]])\nset(SPLICED_DATADIR [[${CMAKE_INSTALL_DATADIR}]])")
install(SCRIPT cmake/InstallService.cmake)
