// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Patterns

@Suite("Patterns")
struct PatternTests {
    /// What is found first: the first group, or the whole match of a pattern without one.
    private func find(_ pattern: String, in text: String) throws -> String? {
        let matcher = PatternMatcher(try Pattern(pattern))
        let bytes = Array(text.utf8)
        return bytes.withUnsafeBytes { input in
            matcher.firstMatch(in: input).map { match in
                String(decoding: input[match.group ?? match.whole], as: UTF8.self)
            }
        }
    }

    @Test(
        "a search finds what begins first, and then what the pattern prefers",
        arguments: [
            ("b", "abc", "b"), ("b+", "abbbc", "bbb"), ("b+?", "abbbc", "b"), ("a|ab", "ab", "a"), ("ab|a", "ab", "ab"),
            (#"id="(\d+)""#, #"<a id="x"><a id="42">"#, "42"), ("(a*)(b*)", "aabb", "aa"), ("x{2,3}", "xxxx", "xxx"),
            ("x{2}", "xxxx", "xx"), ("x{2,}?", "xxxx", "xx"), ("^ab", "abab", "ab"), ("ab$", "abxab", "ab"),
            ("^$", "", ""),
            (#"\bfoo\b"#, "xfoo foo", "foo"), (#"[^"]+"#, "\"é\"", "é"), ("é+", "caféé", "éé"),
            ("(?i)HeLLo", "say hello", "hello"),
            ("(?i)[^a]", "Ab", "b"), (#"[\d.]+"#, "v1.25!", "1.25"), (#"[a\-z]+"#, "q-az", "-az"),
            ("[]x]+", "a]x", "]x"),
            (#"\x41\."#, "A.", "A."), ("a(?:b|c)d", "abcacd", "acd"), ("(?:a|b)*c", "ababc", "ababc"), ("", "", nil),
            ("a.c", "a\nc abc", "abc"), ("(a)|b", "b", "b"), ("a??b", "ab", "ab"), ("x*", "aaa", ""),
        ].filter { !$0.0.isEmpty })
    func finds(pattern: String, text: String, expected: String?) throws {
        #expect(try find(pattern, in: text) == expected)
    }

    @Test("repetitions of nothing in each other are compiled at once", .timeLimit(.minutes(1)))
    func emptyRepetitions() throws {
        #expect(try find("a(?:(?:(?:(?:){1000}){1000}){1000}){1000}b", in: "xab") == "ab")
        #expect(try find("(?:(?:(?:a{0}){1000}){1000}){1000}b", in: "ab") == "b")
    }

    @Test(
        "a search that finds nothing says so",
        arguments: [("b", "ac"), ("^b", "ab"), ("a{3}", "aa"), (#"\bfoo"#, "xfoo")])
    func findsNothing(pattern: String, text: String) throws { #expect(try find(pattern, in: text) == nil) }

    @Test(
        "what is not a pattern is refused with its place",
        arguments: [
            ("", 0), ("a)", 1), ("(a", 0), ("a(b", 1), ("[a", 0), ("*a", 0), ("a**", 2), ("a{", 1), ("a{2", 1),
            ("a{3,2}", 1), ("a{99999}", 1), (#"\1"#, 0), (#"a\q"#, 1), (#"a\"#, 1), (#"\x4"#, 0), ("(?=a)", 0),
            ("[é]", 1), ("[z-a]", 1), (#"[\b]"#, 1), ("(?:(?:a{999}){999}){999}", 0),
            (String(repeating: "(", count: 99), 50),
        ])
    func malformed(pattern: String, offset: Int) {
        let error = #expect(throws: Pattern.Malformed.self) { try Pattern(pattern) }
        #expect(error?.offset == offset, "\(error?.message ?? "")")
        #expect(error?.message.isEmpty == false)
    }

    @Test("patterns that take others years take time in proportion to the input", .timeLimit(.minutes(1)))
    func noExplosion() throws {
        let text = String(repeating: "a", count: 20_000)
        #expect(try find("(?:a+)+b", in: text) == nil)
        #expect(try find("(?:a|a)*b", in: text) == nil)
        #expect(try find("(?:a?){300}a{300}", in: String(text.prefix(300)))?.count == 300)
    }

    @Test("a matcher searches again and again with the same memory")
    func reuse() throws {
        let matcher = PatternMatcher(try Pattern(#"n=(\d+)"#))
        for number in 0..<100 {
            let bytes = Array("xx n=\(number);".utf8)
            let match = bytes.withUnsafeBytes { matcher.firstMatch(in: $0) }
            #expect(match?.group == 5..<(5 + String(number).count))
        }
    }

    @Test("a pattern agrees with a simple backtracking matcher on random texts")
    func agreesWithBacktracking() throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var random = SplitMix(state: seed)
        for round in 0..<3_000 {
            let pattern = Self.randomPattern(&random, depth: 3)
            let text = String(
                (0..<Int.random(in: 0...8, using: &random)).map { _ in "abc".randomElement(using: &random)! })
            let expected = text.firstMatch(of: try Regex(pattern)).map { String($0.output[0].substring ?? "") }
            let matcher = PatternMatcher(try Pattern(pattern))
            let bytes = Array(text.utf8)
            let found = bytes.withUnsafeBytes { input in
                matcher.firstMatch(in: input).map { String(decoding: input[$0.whole], as: UTF8.self) }
            }
            #expect(found == expected, "seed \(seed), round \(round): /\(pattern)/ in '\(text)'")
        }
    }

    /// Without repetitions of what may be empty, about which engines differ.
    private static func randomPattern(_ random: inout SplitMix, depth: Int) -> String {
        switch depth == 0 ? 0 : Int.random(in: 0..<6, using: &random) {
        case 0: return String("abc.".randomElement(using: &random)!)
        case 1: return "[^\("abc".randomElement(using: &random)!)]"
        case 2:
            return randomPattern(&random, depth: depth - 1) + randomPattern(&random, depth: depth - 1)
        case 3:
            return "(?:\(randomPattern(&random, depth: depth - 1))|\(randomPattern(&random, depth: depth - 1)))"
        default:
            let inner = ["a", "b", "[ab]", ".", "(?:ab|c)"].randomElement(using: &random)!
            return inner + ["*", "+", "?", "*?", "+?", "{2}", "{1,2}"].randomElement(using: &random)!
        }
    }

    private struct SplitMix: RandomNumberGenerator {
        var state: UInt64
        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
            return z ^ (z >> 31)
        }
    }
}
