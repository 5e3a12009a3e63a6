// SPDX-License-Identifier: Apache-2.0

@testable internal import LoadGenerator

/// Whatever a jar takes, it stays small, and what it sends back is one line of what came.
///
/// The input is lines: a host, a path, then `Set-Cookie` headers.
enum CookieJarFuzzing {
    private static let now = 1_700_000_000

    static func play(_ input: UnsafeRawBufferPointer) {
        let lines = input.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        if lines.count < 3 { return }
        // As of a target: in lower case.
        let host = lines[0].map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
        let jar = CookieJar()
        for line in lines.dropFirst(2) {
            withExactCopy(line) { jar.take($0, host: host, isTLS: false, now: now) }
            precondition(jar.count <= 100)
        }
        var request = RawBytes()
        defer { request.free() }
        request.append("GET ")
        withExactCopy(lines[1].filter { $0 > 0x20 }) { request.append($0) }
        request.append(" HTTP/1.1\r\n")
        let before = request.count
        jar.write(to: &request, host: host, isTLS: false, now: now)
        let line = Array(request.bytes[before...])
        precondition(line.isEmpty || line.suffix(2) == [13, 10])
        precondition(line.dropLast(2).allSatisfy { $0 != 10 })
    }
}
