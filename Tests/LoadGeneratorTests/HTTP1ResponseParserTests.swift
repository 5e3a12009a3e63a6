// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import LoadGenerator

/// What reading a response came to, however its bytes were cut.
private struct Reading: Equatable {
    var result: HTTP1ResponseParser.Result
    var status: Int16
    var keepsAlive: Bool
    var body: [UInt8]
}

/// Offers the bytes in pieces, as a connection does: what belongs to an unfinished head is offered again.
private func read(_ bytes: [UInt8], pieces: [Int], expectsNoBody: Bool = false) -> Reading {
    var parser = HTTP1ResponseParser()
    parser.reset(expectsNoBody: expectsNoBody)
    var body: [UInt8] = []
    var unread: [UInt8] = []
    var position = 0
    var total = 0
    var result = HTTP1ResponseParser.Result.needMore(consumed: 0)
    for piece in pieces + [bytes.count] where position < bytes.count {
        let end = min(bytes.count, position + max(1, piece))
        unread += bytes[position..<end]
        position = end
        result = unread.withUnsafeBytes { parser.parse($0) { body += Array($0) } }
        switch result {
        case .needMore(let consumed):
            total += consumed
            unread.removeFirst(consumed)
        case .complete(let consumed):
            result = .complete(consumed: total + consumed)
            return Reading(result: result, status: parser.status, keepsAlive: parser.keepsAlive, body: body)
        case .malformed:
            return Reading(result: result, status: 0, keepsAlive: false, body: [])
        }
    }
    return Reading(
        result: .needMore(consumed: total), status: parser.status, keepsAlive: parser.keepsAlive, body: body)
}

private func read(_ text: String, expectsNoBody: Bool = false) -> Reading {
    read(Array(text.utf8), pieces: [], expectsNoBody: expectsNoBody)
}

@Suite("HTTP/1 response parser")
struct HTTP1ResponseParserTests {
    struct Good: Sendable, CustomTestStringConvertible {
        var name: String
        var response: String
        var status: Int16 = 200
        var body = ""
        var keepsAlive = true
        /// Bytes after the response.
        var extra = 0
        var expectsNoBody = false
        var testDescription: String { name }
    }

    static let good: [Good] = [
        Good(name: "content-length", response: "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", body: "hello"),
        Good(name: "empty body", response: "HTTP/1.1 200 OK\r\ncontent-length:0\r\n\r\n"),
        Good(name: "no reason", response: "HTTP/1.1 404\r\ncontent-length: 2\r\n\r\nno", status: 404, body: "no"),
        Good(name: "bare line feeds", response: "HTTP/1.1 200 OK\ncontent-length: 2\n\nok", body: "ok"),
        Good(
            name: "white space around values", response: "HTTP/1.1 200 OK\r\ncontent-length: \t 2 \t\r\n\r\nok",
            body: "ok"),
        Good(
            name: "the same length twice",
            response: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nContent-Length: 2\r\n\r\nok",
            body: "ok"),
        Good(
            name: "chunks",
            response:
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nA;x=y\r\n, big worl\r\n1\r\nd\r\n0\r\n\r\n",
            body: "hello, big world"),
        Good(
            name: "chunks with trailers",
            response:
                "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nY: 2\r\n\r\n",
            body: "ok"),
        Good(
            name: "chunks win over a length, and the connection is not trusted",
            response: "HTTP/1.1 200 OK\r\ncontent-length: 9\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            body: "ok", keepsAlive: false),
        Good(
            name: "connection: close", response: "HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 2\r\n\r\nok",
            body: "ok",
            keepsAlive: false),
        Good(
            name: "close is not taken back",
            response:
                "HTTP/1.1 200 OK\r\nConnection: close\r\nConnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
            body: "ok", keepsAlive: false),
        Good(
            name: "close in a list",
            response: "HTTP/1.1 200 OK\r\nconnection: te, close\r\ncontent-length: 2\r\n\r\nok", body: "ok",
            keepsAlive: false),
        Good(
            name: "HTTP/1.0", response: "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", body: "ok", keepsAlive: false),
        Good(
            name: "HTTP/1.0 kept alive",
            response: "HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nok",
            body: "ok"),
        Good(name: "204", response: "HTTP/1.1 204 No Content\r\n\r\n", status: 204),
        Good(
            name: "304 with a length", response: "HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", status: 304),
        Good(
            name: "answer to HEAD", response: "HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n", expectsNoBody: true),
        Good(
            name: "interim answers first",
            response:
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 201 Created\r\n"
                + "content-length: 2\r\n\r\nok",
            status: 201, body: "ok"),
        Good(
            name: "obsolete folding",
            response: "HTTP/1.1 200 OK\r\nx-long: a\r\n  b\r\n\tc\r\ncontent-length: 2\r\n\r\nok", body: "ok"),
        Good(
            name: "garbage after the end", response: "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 500",
            body: "ok", extra: 12),
    ]

    @Test("responses are read the same whole, byte by byte and in random pieces", arguments: good)
    func reads(good: Good) {
        let bytes = Array(good.response.utf8)
        let expected = Reading(
            result: .complete(consumed: bytes.count - good.extra), status: good.status, keepsAlive: good.keepsAlive,
            body: Array(good.body.utf8))
        #expect(read(bytes, pieces: [], expectsNoBody: good.expectsNoBody) == expected)
        let single = [Int](repeating: 1, count: bytes.count)
        #expect(read(bytes, pieces: single, expectsNoBody: good.expectsNoBody) == expected)
        var random = SeededRandom(seed: 42)
        for _ in 0..<50 {
            let pieces = (0..<20).map { _ in Int(random.below(30)) }
            #expect(read(bytes, pieces: pieces, expectsNoBody: good.expectsNoBody) == expected)
        }
    }

    @Test("a response without framing ends with its connection")
    func untilClose() {
        let reading = read("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n\r\nall of it")
        #expect(reading.result == .needMore(consumed: 54) && reading.body == Array("all of it".utf8))
        #expect(!reading.keepsAlive)
    }

    @Test(
        "what is not a response is refused with its reason",
        arguments: [
            ("SSH-2.0-OpenSSH_9.2\r\n", HTTP1Problem.notHTTP), ("x", .notHTTP),
            ("\r\nHTTP/1.1 200 OK\r\n\r\n", .notHTTP),
            ("HTTP/2.0 200 OK\r\n\r\n", .notHTTP), ("HTTP/1.2 200 OK\r\n\r\n", .notHTTP),
            ("HTTP/1.1  200 OK\r\n\r\n", .badStatus),
            ("HTTP/1.1 2x0 OK\r\n\r\n", .badStatus), ("HTTP/1.1 2000 OK\r\n\r\n", .badStatus),
            ("HTTP/1.1 099 OK\r\n\r\n", .badStatus),
            ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", .badHeaderName), ("HTTP/1.1 200 OK\r\n: x\r\n\r\n", .badHeaderName),
            ("HTTP/1.1 200 OK\r\nname : x\r\n\r\n", .badHeaderName),
            ("HTTP/1.1 200 OK\r\nx: 1\r\n\rfoo\r\n\r\n", .badHeaderName),
            ("HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1, 2\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\n", .badContentLength),
            ("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\n", .badContentLength),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", .unexpectedUpgrade),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz", .badChunkSize),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\n", .badChunkSize),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\n", .badChunkSize),
            ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay\r\n", .badChunkEnd),
        ])
    func refuses(text: String, problem: HTTP1Problem) {
        let bytes = Array(text.utf8)
        #expect(read(bytes, pieces: []).result == .malformed(problem))
        #expect(read(bytes, pieces: [Int](repeating: 1, count: bytes.count)).result == .malformed(problem))
        #expect(!problem.words.isEmpty)
    }

    @Test("heads, trailers and interim answers without end are refused")
    func limits() {
        let long = String(repeating: "x-filler: 0123456789\r\n", count: 4000)
        #expect(read("HTTP/1.1 200 OK\r\n" + long).result == .malformed(.headTooLarge))
        #expect(read("HTTP/1.1 200 OK\r\n" + long + "\r\n").result == .malformed(.headTooLarge))
        let chunked = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        #expect(read(chunked + "0\r\n" + long).result == .malformed(.headTooLarge))
        #expect(read(chunked + "5;" + long.filter { $0 != "\r\n" }).result == .malformed(.headTooLarge))
        let interim = String(repeating: "HTTP/1.1 100 Continue\r\n\r\n", count: 17)
        #expect(read(interim).result == .malformed(.tooManyInterimResponses))
    }

    @Test(
        "altered responses never trap, and are read the same however they are cut", arguments: [1, 2, 3, 4] as [UInt64])
    func fuzz(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        for round in 0..<1500 {
            let sample = Self.good[round % Self.good.count]
            var bytes = Array(sample.response.utf8)
            for _ in 0...random.below(3) {
                let position = Int(random.below(UInt64(bytes.count)))
                switch random.below(4) {
                case 0: bytes[position] = UInt8(truncatingIfNeeded: random.next())
                case 1: bytes.insert(UInt8(truncatingIfNeeded: random.next()), at: position)
                case 2: bytes.removeSubrange(position...min(bytes.count - 1, position + Int(random.below(4))))
                default: bytes.insert(contentsOf: bytes[position...], at: position)
                }
                if bytes.isEmpty { bytes = [0] }
            }
            let whole = read(bytes, pieces: [], expectsNoBody: sample.expectsNoBody)
            let single = read(
                bytes, pieces: [Int](repeating: 1, count: bytes.count), expectsNoBody: sample.expectsNoBody)
            let pieces = (0..<40).map { _ in Int(random.below(20)) }
            let cut = read(bytes, pieces: pieces, expectsNoBody: sample.expectsNoBody)
            #expect(whole == single && whole == cut, "seed \(seed), round \(round): \(bytes)")
        }
    }
}

extension HTTP1ResponseParserTests {
    /// Where the parser says that the final head lies in these bytes, or nil.
    private func head(_ parser: inout HTTP1ResponseParser, _ text: String) -> String? {
        Array(text.utf8).withUnsafeBytes { bytes in
            _ = parser.parse(bytes) { _ in }
            return parser.headEnd == 0
                ? nil : String(decoding: bytes[parser.headStart..<parser.headEnd], as: UTF8.self)
        }
    }

    @Test("the final head is told by the call that read it to its end, and no interim head is")
    func finalHead() {
        var parser = HTTP1ResponseParser()
        let final = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
        #expect(head(&parser, "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n") == nil)
        #expect(head(&parser, "HTTP/1.1 20") == nil)
        #expect(head(&parser, final + "bo") == final)
        #expect(head(&parser, "dy") == nil)
        parser.reset(expectsNoBody: false)
        #expect(head(&parser, "HTTP/1.1 100 Continue\r\n\r\n" + final) == final)
    }

    @Test("a head that comes line by line is read on where it was left")
    func lineByLine() {
        var parser = HTTP1ResponseParser()
        let first = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n"
        #expect(head(&parser, first + "x-li") == nil)
        // What was read is not looked at again, so it may be anything.
        let again = String(repeating: "?", count: first.utf8.count) + "x-line: 1\r\nconnection: close\r\n"
        #expect(head(&parser, again) == nil)
        let end = String(repeating: "?", count: again.utf8.count) + "\r\nok"
        let result = Array(end.utf8).withUnsafeBytes { parser.parse($0) { _ in } }
        #expect(result == .complete(consumed: end.utf8.count) && parser.status == 200 && !parser.keepsAlive)
    }
}

@Suite("HTTP/1 head")
struct HTTP1HeadTests {
    @Test("header values are found by name in any case")
    func values() {
        let head = Array("HTTP/1.1 200 OK\r\nETag: \"a:b\" \r\nX-Next:/v1/x\r\nx-empty:\r\n\r\n".utf8)
        func value(_ name: String) -> String? {
            head.withUnsafeBytes { head in
                Array(name.utf8).withUnsafeBytes {
                    HTTP1Head.value(of: $0, in: head).map { String(decoding: $0, as: UTF8.self) }
                }
            }
        }
        #expect(value("etag") == "\"a:b\"")
        #expect(value("x-next") == "/v1/x")
        #expect(value("x-empty") == "")
        #expect(value("x-nex") == nil && value("missing") == nil)
    }
}
