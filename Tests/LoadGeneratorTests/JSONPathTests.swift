// SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@testable import LoadGenerator

@Suite("JSON path")
struct JSONPathTests {
    private func find(_ path: [Plan.JSONComponent], in text: [UInt8]) -> String? {
        let arena = Arena()
        let compiled = arena.store(
            path.map { component -> JSONPathComponent in
                switch component {
                case .key(let key): .key(arena.store(Array(key.utf8)))
                case .index(let index): .index(index)
                }
            })
        var output = RawBytes()
        defer { output.free() }
        return text.withUnsafeBytes { bytes in
            switch JSONScanner.find(compiled, in: bytes) {
            case .string(let range):
                let text = UnsafeRawBufferPointer(rebasing: bytes[range])
                return JSONString.decode(text, into: &output) ? String(decoding: output.bytes, as: UTF8.self) : nil
            case .raw(let range): return String(decoding: bytes[range], as: UTF8.self)
            case .null: return "<null>"
            case nil: return nil
            }
        }
    }

    private static let timeline = """
        {"items": [ {"id":"p1","n":1,"tags":["a","b,]}"]}, {"id":"p2", "author" : {"id":7,"name":"Zoë \\"x\\" \\u00e9\\ud83d\\ude00"}} ],
         "a\\"b": true, "next":null, "deep":[[[],[1,[2.5e-3]]]], "": "empty key", "last": -12}
        """

    @Test(
        "a path finds its value, and nothing else",
        arguments: [
            ([.key("items"), .index(0), .key("id")], "p1"),
            ([.key("items"), .index(1), .key("author"), .key("id")], "7"),
            ([.key("items"), .index(1), .key("author"), .key("name")], "Zoë \"x\" é😀"),
            ([.key("items"), .index(-1), .key("id")], "p2"),
            ([.key("items"), .index(-2), .key("tags"), .index(1)], "b,]}"), ([.key("items"), .index(2)], nil),
            ([.key("items"), .index(-3)], nil), ([.key("items"), .key("id")], nil), ([.index(0)], nil),
            ([.key("a\"b")], "true"),
            ([.key("next")], "<null>"), ([.key("next"), .key("x")], nil),
            ([.key("deep"), .index(0), .index(1)], "[1,[2.5e-3]]"),
            ([.key("deep"), .index(0), .index(0), .index(0)], nil), ([.key("")], "empty key"), ([.key("last")], "-12"),
            ([.key("las")], nil),
        ] as [([Plan.JSONComponent], String?)])
    func finds(path: [Plan.JSONComponent], value: String?) {
        #expect(find(path, in: Array(Self.timeline.utf8)) == value)
    }

    @Test("an empty path is the whole text")
    func whole() {
        #expect(find([], in: Array(" [1, 2] ".utf8)) == "[1, 2]")
        #expect(find([], in: Array("".utf8)) == nil)
    }

    @Test(
        "what is not JSON has no value",
        arguments: [
            "", "{", "{\"a\"", "{\"a\":", "{\"a\":\"x", "{a:1}", "<html>", "{\"a\":tru}", "{\"b\":1 \"a\":2}",
            "{\"b\":\"\\",
        ])
    func broken(text: String) {
        #expect(find([.key("a")], in: Array(text.utf8)) == nil)
    }

    @Test("nesting without end is not followed")
    func depth() {
        let text = "{\"x\":" + String(repeating: "[", count: 100_000)
        #expect(find([.key("a")], in: Array(text.utf8)) == nil)
    }

    @Test("wrong escapes have no value, lone surrogates become a replacement character")
    func escapes() {
        #expect(find([.key("a")], in: Array(#"{"a":"\q"}"#.utf8)) == nil)
        #expect(find([.key("a")], in: Array(#"{"a":"\u12"}"#.utf8)) == nil)
        #expect(find([.key("a")], in: Array(#"{"a":"x\ud800y"}"#.utf8)) == "x\u{fffd}y")
        #expect(find([.key("a")], in: Array(#"{"a":"\ud83dA"}"#.utf8)) == "\u{fffd}A")
    }

    @Test("cut and altered texts never trap")
    func fuzz() {
        let bytes = Array(Self.timeline.utf8)
        let path: [Plan.JSONComponent] = [.key("items"), .index(-1), .key("author"), .key("name")]
        for length in 0..<bytes.count { _ = find(path, in: Array(bytes.prefix(length))) }
        var random = SeededRandom(seed: 17)
        for _ in 0..<5000 {
            var altered = bytes
            for _ in 0...random.below(4) {
                altered[Int(random.below(UInt64(bytes.count)))] = UInt8(truncatingIfNeeded: random.next())
            }
            _ = find(path, in: altered)
        }
    }
}
