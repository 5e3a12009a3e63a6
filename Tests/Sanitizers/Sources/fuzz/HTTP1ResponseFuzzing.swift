// SPDX-License-Identifier: Apache-2.0

@testable internal import LoadGenerator

/// A response has one meaning, and one head to take values from, however a connection cuts its bytes.
///
/// The first byte of the input says how the rest is cut, the second whether it answers a HEAD request.
enum HTTP1ResponseFuzzing {
    private struct Reading: Equatable {
        var result: HTTP1ResponseParser.Result
        var status: Int16
        var keepsAlive: Bool
        var body: [UInt8]
        /// The final head, as often as it was told.
        var heads: [[UInt8]] = []
    }

    static func play(_ input: UnsafeRawBufferPointer) {
        if input.count < 2 { return }
        let response = Array(input.dropFirst(2))
        let expectsNoBody = input[1] & 1 == 1
        let whole = read(response, cutSeed: nil, expectsNoBody: expectsNoBody)
        let cut = read(response, cutSeed: input[0], expectsNoBody: expectsNoBody)
        precondition(whole == cut, "in one piece: \(whole), in several: \(cut)")
    }

    private static func read(_ response: [UInt8], cutSeed: UInt8?, expectsNoBody: Bool) -> Reading {
        var parser = HTTP1ResponseParser()
        parser.reset(expectsNoBody: expectsNoBody)
        var seed = UInt32(cutSeed ?? 0)
        var body: [UInt8] = []
        var heads: [[UInt8]] = []
        var unread: [UInt8] = []
        var position = 0
        var consumedBefore = 0
        repeat {
            seed = seed &* 1_664_525 &+ 1_013_904_223
            let piece = cutSeed == nil ? response.count : 1 + Int(seed >> 24) % 24
            let end = min(response.count, position + piece)
            unread += response[position..<end]
            position = end
            let result = withExactCopy(unread) { bytes in
                let result = parser.parse(bytes) { body += $0 }
                if parser.headEnd > 0 {
                    let head = Array(bytes[parser.headStart..<parser.headEnd])
                    heads.append(head)
                    readValues(head)
                }
                return result
            }
            switch result {
            case .needMore(let consumed):
                precondition((0...unread.count).contains(consumed))
                consumedBefore += consumed
                unread.removeFirst(consumed)
            case .complete(let consumed):
                precondition((0...unread.count).contains(consumed))
                return Reading(
                    result: .complete(consumed: consumedBefore + consumed), status: parser.status,
                    keepsAlive: parser.keepsAlive, body: body, heads: heads)
            case .malformed:
                // What came before the fault depends on the cut.
                return Reading(result: result, status: 0, keepsAlive: false, body: [])
            }
        } while position < response.count
        return Reading(
            result: .needMore(consumed: consumedBefore), status: parser.status, keepsAlive: parser.keepsAlive,
            body: body, heads: heads)
    }

    /// As captures, checks and cookies do.
    private static func readValues(_ head: [UInt8]) {
        withExactCopy(head) { head in
            for name in ["content-length", "set-cookie", "x"] as [StaticString] {
                HTTP1Head.forEachValue(of: name, in: head) { value in precondition(value.count <= head.count) }
            }
            HTTP1Head.forEachValue(of: "set-cookie", in: head) { _ = CookieJar.pair(in: $0) }
        }
    }
}
