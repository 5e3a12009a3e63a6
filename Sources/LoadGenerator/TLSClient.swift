// SPDX-License-Identifier: Apache-2.0

internal import COpenSSL
internal import Glibc

/// Makes the TLS connections of one worker to one target. Each worker has its own, so that nothing is shared.
///
/// Not thread-safe. OpenSSL reads and writes the socket itself with read-ahead, so a small answer costs one `recv`; memory BIOs
/// would copy every byte once more.
final class TLSClient {
    private let context: OpaquePointer
    private let host: String
    private let hostIsAddress: Bool
    private let resumes: Bool
    /// The newest session that can be resumed.
    private var session: OpaquePointer?

    /// - Throws: ``LoadEngineError`` when the roots can't be read.
    init(_ tls: Plan.TLS, target: Plan.Target) throws(LoadEngineError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw LoadEngineError(.tls, "OpenSSL can't make a context: \(Self.lastError())")
        }
        self.context = context
        host = target.host
        hostIsAddress = Self.isAddress(target.host)
        resumes = tls.resumption
        seawall_ssl_set_mode(context)
        SSL_CTX_set_verify(context, tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        let protocols: [UInt8] = [8] + Array("http/1.1".utf8)
        SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count))
        guard tls.verify else { return }
        ERR_clear_error()
        if let roots = tls.rootsFile {
            if SSL_CTX_load_verify_locations(context, roots, nil) != 1 {
                let reason = Self.lastError()
                throw LoadEngineError(
                    .tls, "\(target.place): the certificates to trust can't be read from \(roots): \(reason)")
            }
        } else {
            SSL_CTX_set_default_verify_paths(context)
        }
    }

    deinit {
        SSL_SESSION_free(session)
        SSL_CTX_free(context)
    }

    /// A connection's TLS state on a connected socket; nil when memory is out.
    func connect(_ descriptor: Int32) -> OpaquePointer? {
        guard let ssl = SSL_new(context) else { return nil }
        SSL_set_fd(ssl, descriptor)
        if hostIsAddress {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
        } else {
            _ = seawall_ssl_set_server_name(ssl, host)
            SSL_set1_host(ssl, host)
        }
        if let session { SSL_set_session(ssl, session) }
        SSL_set_connect_state(ssl)
        return ssl
    }

    /// Keeps the connection's session for later ones. To be called after an answer: TLS 1.3 sends tickets after the handshake.
    func keepSession(of ssl: OpaquePointer) {
        guard resumes, let newest = SSL_get1_session(ssl) else { return }
        if newest == session || SSL_SESSION_is_resumable(newest) != 1 {
            SSL_SESSION_free(newest)
            return
        }
        SSL_SESSION_free(session)
        session = newest
    }

    /// Says goodbye if the connection is sound, and frees its state. An unsound one must not spoil its session.
    static func close(_ ssl: OpaquePointer, isSound: Bool) {
        if isSound {
            SSL_shutdown(ssl)
            ERR_clear_error()
        } else {
            SSL_set_shutdown(ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN)
        }
        SSL_free(ssl)
    }

    private static func isAddress(_ host: String) -> Bool {
        var buffer = in6_addr()
        return inet_pton(AF_INET, host, &buffer) == 1 || inet_pton(AF_INET6, host, &buffer) == 1
    }

    private static func lastError() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        return ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
