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
    /// Name to ask for and to find in the certificate, instead of the host.
    private let serverName: String?
    private let resumes: Bool
    /// The newest session that can be resumed.
    private var session: OpaquePointer?

    /// - Throws: ``LoadEngineError`` when a file can't be read, or OpenSSL refuses the settings.
    init(_ tls: Plan.TLS, target: Plan.Target) throws(LoadEngineError) {
        guard let context = SSL_CTX_new(TLS_client_method()) else {
            throw LoadEngineError(.tls, "OpenSSL can't make a context: \(Self.lastError())")
        }
        self.context = context
        host = target.host
        hostIsAddress = Self.isAddress(target.host)
        serverName = tls.serverName
        resumes = tls.resumption
        seawall_ssl_set_mode(context)
        SSL_CTX_set_verify(context, tls.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nil)
        try configure(tls, target.place)
    }

    private func configure(_ tls: Plan.TLS, _ place: String) throws(LoadEngineError) {
        func check(_ isDone: Bool, _ what: @autoclosure () -> String) throws(LoadEngineError) {
            if !isDone { throw LoadEngineError(.tls, "\(place): \(what()): \(Self.lastError())") }
        }
        ERR_clear_error()
        try check(
            seawall_ssl_set_versions(context, tls.minimumVersion.number, tls.maximumVersion.number) == 1,
            "this OpenSSL can't speak TLS \(tls.minimumVersion.rawValue) to \(tls.maximumVersion.rawValue)")
        if let ciphers = tls.ciphers {
            try check(
                SSL_CTX_set_cipher_list(context, ciphers) == 1, "OpenSSL knows no cipher of the list `\(ciphers)`")
        }
        if let suites = tls.cipherSuites {
            try check(
                SSL_CTX_set_ciphersuites(context, suites) == 1,
                "OpenSSL does not know all of the TLS 1.3 cipher suites `\(suites)`")
        }
        let protocols = tls.alpn.flatMap { [UInt8(clamping: $0.utf8.count)] + Array($0.utf8) }
        if !protocols.isEmpty { SSL_CTX_set_alpn_protos(context, protocols, UInt32(protocols.count)) }
        if let certificate = tls.certificateFile {
            try check(
                SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
                "the client certificate can't be read from \(certificate)")
            let key = tls.keyFile ?? certificate
            try check(
                SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1,
                "the client certificate's key can't be read from \(key), or belongs to another certificate")
        }
        guard tls.verify else { return }
        if let roots = tls.rootsFile {
            try check(
                SSL_CTX_load_verify_locations(context, roots, nil) == 1,
                "the certificates to trust can't be read from \(roots)")
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
        if let serverName {
            _ = seawall_ssl_set_server_name(ssl, serverName)
            SSL_set1_host(ssl, serverName)
        } else if hostIsAddress {
            X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host)
        } else {
            _ = seawall_ssl_set_server_name(ssl, host)
            SSL_set1_host(ssl, host)
        }
        if let session { SSL_set_session(ssl, session) }
        SSL_set_connect_state(ssl)
        return ssl
    }

    /// What a read, a write or a handshake that did not get on has met.
    enum Fault {
        /// It has to wait for the socket.
        case none
        /// The server has ended the connection as TLS asks (`close_notify`).
        case closed
        /// The connection has ended without that, perhaps in the middle of something.
        case cut
        /// A cause `.tls` when TLS itself failed, and `.broken` when the connection did.
        case failed(FailureKey.Cause)
    }

    /// - Parameter code: `errno` after the call; it was 0 before.
    static func fault(_ ssl: OpaquePointer, _ result: Int32, _ code: Int32) -> Fault {
        switch SSL_get_error(ssl, result) {
        case SSL_ERROR_WANT_READ, SSL_ERROR_WANT_WRITE: return .none
        case SSL_ERROR_ZERO_RETURN: return .closed
        case SSL_ERROR_SSL:
            let reason = ERR_peek_last_error()
            ERR_clear_error()
            return seawall_ssl_is_unexpected_end(reason) == 1 ? .cut : .failed(.tls(reason))
        default:
            ERR_clear_error()
            return code == 0 ? .cut : .failed(.broken(code))
        }
    }

    /// Whether both sides have agreed on HTTP/1, or on nothing, which means it.
    static func speaksHTTP1(_ ssl: OpaquePointer) -> Bool {
        var name: UnsafePointer<UInt8>?
        var length: UInt32 = 0
        SSL_get0_alpn_selected(ssl, &name, &length)
        guard let name, length > 0 else { return true }
        return length == 8 && memcmp(name, "http/1.", 7) == 0
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

    /// The first error of OpenSSL's queue, which is the cause of the others.
    private static func lastError() -> String {
        let code = ERR_get_error()
        ERR_clear_error()
        return code == 0
            ? "no reason given" : ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
