// SPDX-License-Identifier: Apache-2.0

import Glibc
import Testing

/// A plain TCP connection to a port of this machine, for tests of what goes over the wire.
final class RawConnection: Sendable {
    private let descriptor: Int32

    init(port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(UInt16(port)).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let connected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        try #require(connected == 0, "nobody listens at \(port)")
    }

    deinit { close(descriptor) }

    func send(_ text: String) { _ = Glibc.send(descriptor, text, text.utf8.count, Int32(MSG_NOSIGNAL)) }

    func get(_ path: String, _ headers: String = "", method: String = "GET") {
        send("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\(headers)\r\n")
    }

    /// What comes until `marker` has come so many times, or the end of the connection.
    func read(until marker: String, times: Int = 1) -> String {
        var text = ""
        var buffer = [UInt8](repeating: 0, count: 4096)
        while text.components(of: marker) < times {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count <= 0 { break }
            text += String(decoding: buffer[..<count], as: UTF8.self)
        }
        return text
    }

    /// One answer without a body.
    func readHead() -> String { read(until: "\r\n\r\n") }

    /// Whether the other side has closed, with nothing left to read. Does not wait.
    var isClosed: Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT)) == 0
    }

    /// Everything until the other side closes.
    func readAll() -> String { read(until: "\u{0}") }
}

extension String {
    fileprivate func components(of marker: String) -> Int {
        split(separator: marker, omittingEmptySubsequences: false).count - 1
    }
}
