// SPDX-License-Identifier: Apache-2.0
// What a line of the journal is about: the field MESSAGE_ID of systemd.journal-fields(7), by which its catalog explains
// it (systemd/spliced.catalog). Numbers never change; a kind that is gone takes its number with it.
#pragma once
#include <string_view>

namespace spliced::util {

// The key of a LogField, which goes into the journal as it is.
inline constexpr std::string_view kMessageIdKey = "MESSAGE_ID";

namespace message {

inline constexpr std::string_view kRequest = "c597876621244a688c57bcf2050f0601";
inline constexpr std::string_view kTurnedAway = "e7df04b31d5544b687640953311da246";
inline constexpr std::string_view kTlsFailed = "ad9fc96c693b48f0acbc500f0095d483";
inline constexpr std::string_view kJobState = "dfef22ca611d44638c7cad6b61156990";
inline constexpr std::string_view kDeviceError = "0477e6288b1b423d906b99b61f1c74a8";
inline constexpr std::string_view kDeviceFailed = "abc3fa3a4ee242eaa499ec067376d718";
inline constexpr std::string_view kNotRecorded = "3089e9cdd4174e5a83094203ac0d3a36";
inline constexpr std::string_view kStateTrouble = "79fdfcea7c5d4c129c365985b493e028";
inline constexpr std::string_view kStateSetAside = "94926fa44afe490995afeb6a8e7233d5";
inline constexpr std::string_view kReloadFailed = "e000137c58144e80b3a0064d6fb94753";
inline constexpr std::string_view kMiscompare = "5b0f8a4c2e914d0f9c37a1e86d52b7f3";
inline constexpr std::string_view kHostFault = "c94e6d71b0a84f3b8e15f20a7d3c6498";

}  // namespace message
}  // namespace spliced::util
