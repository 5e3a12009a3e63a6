// SPDX-License-Identifier: Apache-2.0
#pragma once
#include <sys/types.h>

/// Starts a process of its own that answers every HTTP request on the listening socket with a small 200, until it is killed.
///
/// It dies with its parent. Returns its id, or −1 with errno. The child runs C alone and never returns, so forking a process
/// with threads is safe here.
pid_t seawall_test_server_start(int listening_socket);

/// Makes a P-256 key and a certificate for it, both in PEM.
///
/// - subject_alternative_names: as in OpenSSL's configuration, for example "DNS:localhost,IP:127.0.0.1".
/// - valid_from, valid_to: seconds from now; both may lie in the past.
///
/// The certificate is signed by its own key. Returns 0, or −1 when a file can't be written.
int seawall_test_make_certificate(const char *certificate_file, const char *key_file, const char *subject_alternative_names,
                                  long valid_from, long valid_to);
