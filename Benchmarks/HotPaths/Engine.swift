// SPDX-License-Identifier: Apache-2.0

@testable internal import LoadGenerator

extension HotPath {
    /// What the load generator does for each answer, without the socket. (`engine-requests` plays all of it.)
    package static func loadGenerator() -> [HotPath] {
        let short = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 15\r\n\r\n{\"ok\":\"thanks\"}"
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n12345678\r\n8\r\n12345678\r\n0\r\n\r\n"
        let usual =
            "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sun, 22 Nov 2026 10:00:00 GMT\r\n"
            + "Content-Type: text/html\r\nContent-Length: 612\r\nLast-Modified: Sat, 01 Aug 2026 00:00:00 GMT\r\n"
            + "Connection: keep-alive\r\nETag: \"64230162-264\"\r\nAccept-Ranges: bytes\r\n\r\n"
            + String(repeating: "x", count: 612)
        let json = Array(#"{"next":"abc","items":[{"author":{"id":"u1"},"id":"0123456789abcdef"}]}"#.utf8)
        return [
            parsing("parse-short-response", short), parsing("parse-usual-response", usual),
            parsing("parse-chunked-response", chunked),
            HotPath("find-json-path") { count in
                let found = try finds(["items", "0", "id"], in: json, count)
                if found != count { throw UnexpectedResult("found \(found) of \(count) values") }
            },
            HotPath("timer-of-a-thousand") { count in
                // In steady state: one ends, the next begins.
                var timers = TimerQueue()
                for session in 0..<1_000 { timers.add(Int32(session), deadline: UInt64(session &* 7_919 % 1_000)) }
                for _ in 0..<count {
                    if let due = timers.popDue(.max) { timers.add(due.session, deadline: due.deadline &+ 1_009) }
                }
                consume(timers.count)
            },
        ]
    }

    private static func parsing(_ name: String, _ response: String) -> HotPath {
        let bytes = Array(response.utf8)
        return HotPath(name) { count in
            var parser = HTTP1ResponseParser()
            var read = 0
            for _ in 0..<count {
                parser.reset(expectsNoBody: false)
                let result = bytes.withUnsafeBytes { parser.parse($0) { read &+= $0.count } }
                if result != .complete(consumed: bytes.count) { throw UnexpectedResult("\(result)") }
            }
            consume(read)
        }
    }

    /// Looks a value up by keys and, where a component is a number, indices.
    private static func finds(_ path: [String], in text: [UInt8], _ count: Int) throws -> Int {
        let keys = path.map { Array($0.utf8) }
        let storage = keys.map { key in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: key.count, alignment: 1)
            copy.copyBytes(from: key)
            return copy
        }
        defer { storage.forEach { $0.deallocate() } }
        let components = zip(path, storage).map { name, key in
            Int(name).map(JSONPathComponent.index) ?? .key(UnsafeRawBufferPointer(key))
        }
        var found = 0
        for _ in 0..<count {
            let value = text.withUnsafeBytes { text in
                components.withUnsafeBufferPointer { JSONScanner.find($0, in: text) }
            }
            if value != nil { found += 1 }
        }
        return found
    }
}
