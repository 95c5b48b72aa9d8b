// SPDX-License-Identifier: Apache-2.0
// What api/org.spliced.*.xml calls things, and the bus itself.
#pragma once

namespace spliced::dbus {

inline constexpr const char* kName = "org.spliced.Manager1";
inline constexpr const char* kRoot = "/org/spliced";  // where the ObjectManager is
inline constexpr const char* kManagerPath = "/org/spliced/Manager1";
inline constexpr const char* kManager = "org.spliced.Manager1";
inline constexpr const char* kJobsPath = "/org/spliced/job";
inline constexpr const char* kJob = "org.spliced.Job1";

inline constexpr const char* kBusName = "org.freedesktop.DBus";
inline constexpr const char* kBusPath = "/org/freedesktop/DBus";
inline constexpr const char* kBusInterface = "org.freedesktop.DBus";

}  // namespace spliced::dbus
