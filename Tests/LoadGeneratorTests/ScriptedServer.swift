// SPDX-License-Identifier: Apache-2.0

import COpenSSL
import CTestServer
import Foundation
import Glibc
import Synchronization
import Testing

/// A server in this process that does to each connection whatever a test says, on a thread per connection.
final class ScriptedServer: Sendable {
    /// One accepted connection, blocking, with a deadline so that no test hangs.
    struct Connection: Sendable {
        let descriptor: Int32

        /// Reads until the end of a request's head (and its body by content-length); nil when the client is gone.
        func readRequest() -> String? {
            var bytes: [UInt8] = []
            while true {
                var byte: UInt8 = 0
                guard recv(descriptor, &byte, 1, 0) == 1 else { return nil }
                bytes.append(byte)
                if bytes.suffix(4) == [13, 10, 13, 10] { break }
            }
            let head = String(decoding: bytes, as: UTF8.self)
            let length =
                head.lowercased().split(separator: "\r\n").first { $0.hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst(15).trimmingCharacters(in: .whitespaces)) } ?? 0
            var body = [UInt8](repeating: 0, count: length)
            var have = 0
            while have < length {
                let count = recv(descriptor, &body[have], length - have, 0)
                if count <= 0 { return nil }
                have += count
            }
            return head + String(decoding: body, as: UTF8.self)
        }

        func write(_ text: String) {
            let bytes = Array(text.utf8)
            _ = send(descriptor, bytes, bytes.count, Int32(MSG_NOSIGNAL))
        }

        func answer(_ body: String = "ok", status: String = "200 OK", headers: String = "") {
            write("HTTP/1.1 \(status)\r\n\(headers)content-length: \(body.utf8.count)\r\n\r\n\(body)")
        }

        /// Closes with a reset instead of an orderly end.
        func reset() {
            var option = linger(l_onoff: 1, l_linger: 0)
            setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
        }
    }

    let port: Int
    private let descriptor: Int32
    private let accepted = Counter()

    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    /// Number of connections accepted so far.
    var connections: Int { accepted.value.load(ordering: .relaxed) }

    /// Listens on a free port of the loopback; `script` gets each connection, which is closed when it returns.
    init(script: @escaping @Sendable (Connection) -> Void) {
        (descriptor, port) = Self.listen()
        let (listening, accepted) = (descriptor, accepted)
        Thread.detachNewThread {
            while true {
                let connection = accept(listening, nil, nil)
                if connection < 0 { return }
                accepted.value.add(1, ordering: .relaxed)
                var limit = timeval(tv_sec: 10, tv_usec: 0)
                setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
                Thread.detachNewThread {
                    script(Connection(descriptor: connection))
                    close(connection)
                }
            }
        }
    }

    /// Answers every request on every connection.
    convenience init(
        answering answer: @escaping @Sendable (Connection, String) -> Void = { connection, _ in connection.answer() }
    ) {
        self.init(script: { connection in
            while let request = connection.readRequest() { answer(connection, request) }
        })
    }

    /// Ends listening; connections end with their scripts.
    func stop() {
        shutdown(descriptor, Int32(SHUT_RDWR))
        close(descriptor)
    }

    /// A listening socket on a free port of the loopback.
    static func listen() -> (descriptor: Int32, port: Int) {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                precondition(bind(descriptor, pointer, length) == 0)
                precondition(Glibc.listen(descriptor, 1024) == 0)
                getsockname(descriptor, pointer, &length)
            }
        }
        return (descriptor, Int(UInt16(bigEndian: address.sin_port)))
    }
}

/// A server process of its own that answers everything, and can be stopped and continued.
final class ServerProcess: Sendable {
    private final class Birth: Sendable {
        let child = Mutex<pid_t>(-1)
        let started = DispatchSemaphore(value: 0)
    }

    let port: Int
    private let id: pid_t

    init() {
        let (descriptor, port) = ScriptedServer.listen()
        self.port = port
        // The server dies with the thread that forked it, and a task's threads come and go: this one stays until its end.
        let birth = Birth()
        Thread.detachNewThread {
            let id = seawall_test_server_start(descriptor)
            birth.child.withLock { $0 = id }
            birth.started.signal()
            if id > 0 { waitpid(id, nil, 0) }
        }
        birth.started.wait()
        id = birth.child.withLock { $0 }
        precondition(id > 0)
        close(descriptor)
    }

    deinit { kill(id, SIGKILL) }

    /// Freezes the process for this long. Blocks meanwhile.
    func freeze(seconds: Double) {
        kill(id, SIGSTOP)
        usleep(UInt32(seconds * 1e6))
        kill(id, SIGCONT)
    }
}

/// `@unchecked Sendable`: an SSL_CTX is reference-counted and locked by OpenSSL.
private final class SharedContext: @unchecked Sendable {
    let context: OpaquePointer

    init(_ context: OpaquePointer) { self.context = context }

    deinit { SSL_CTX_free(context) }
}

/// TLS on accepted connections, with a certificate made for the test.
final class TLSServer {
    let server: ScriptedServer
    /// PEM file of the certificate, which is its own root.
    let certificate: String
    let key: String
    private let folder: String

    /// - Parameter names: subject alternative names as in OpenSSL's configuration.
    /// - Parameter configure: Changes the server's context before it is used.
    /// - Parameter answer: Answers a request that was read; false ends the connection.
    init(
        names: String, validFrom: Int = -3600, validTo: Int = 3600, configure: (OpaquePointer) -> Void = { _ in },
        answer: @escaping @Sendable (ScriptedServer.Connection, OpaquePointer) -> Bool = TLSServer.answerOK
    ) throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "seawall-tls-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        certificate = folder + "/cert.pem"
        key = folder + "/key.pem"
        precondition(seawall_test_make_certificate(certificate, key, names, validFrom, validTo) == 0)
        let context = try #require(SSL_CTX_new(TLS_server_method()))
        SSL_CTX_use_certificate_file(context, certificate, SSL_FILETYPE_PEM)
        SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM)
        configure(context)
        // OpenSSL writes with `write`: a client that is gone must not end the test process.
        signal(SIGPIPE, SIG_IGN)
        let shared = SharedContext(context)
        server = ScriptedServer(script: { connection in
            guard let ssl = SSL_new(shared.context) else { return }
            defer { SSL_free(ssl) }
            SSL_set_fd(ssl, connection.descriptor)
            guard SSL_accept(ssl) == 1 else {
                // Closing on unread bytes is a reset, which takes the alert with it.
                shutdown(connection.descriptor, Int32(SHUT_WR))
                _ = connection.readRequest()
                return
            }
            var buffer = [UInt8](repeating: 0, count: 4096)
            while SSL_read(ssl, &buffer, Int32(buffer.count)) > 0 {
                if !answer(connection, ssl) { return }
            }
        })
    }

    static let answerOK: @Sendable (ScriptedServer.Connection, OpaquePointer) -> Bool = { _, ssl in
        let answer = Array("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".utf8)
        return SSL_write(ssl, answer, Int32(answer.count)) > 0
    }

    deinit {
        server.stop()
        try? FileManager.default.removeItem(atPath: folder)
    }
}
