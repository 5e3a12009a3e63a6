// SPDX-License-Identifier: Apache-2.0

import Scenarios
import Testing

@Suite("Texts inside of scripts")
struct TextTests {
    @Test(
        "a template is cut into its segments",
        arguments: [
            ("/v1/posts", [TextTemplate.Segment.literal("/v1/posts")]),
            ("", []),
            ("${post}", [.variable("post")]),
            ("/a/${post}/b", [.literal("/a/"), .variable("post"), .literal("/b")]),
            ("${user.id}${random.posts.author}", [.user(column: "id"), .random(table: "posts", column: "author")]),
            ("${uuid} ${counter} ${now}", [.uuid, .literal(" "), .counter, .literal(" "), .now(.milliseconds)]),
            ("${random(-3, 7)}${text(140)}", [.randomInteger(-3...7), .randomText(length: 140)]),
            ("costs $5 and $${post}", [.literal("costs $5 and ${post}")]),
            ("é${a}", [.literal("é"), .variable("a")]),
        ])
    func template(text: String, segments: [TextTemplate.Segment]) throws {
        #expect(try TextTemplate(text).segments == segments)
    }

    @Test("functions have formats and texts with holes of their own")
    func functions() throws {
        #expect(
            try TextTemplate("${now(iso)}${now( unix )}${now(ms)}").segments == [
                .now(.iso), .now(.unix), .now(.milliseconds),
            ])
        let inner = try TextTemplate("${people.name}:${secret}")
        #expect(inner.segments == [.feeder(name: "people", column: "name"), .literal(":"), .variable("secret")])
        #expect(
            try TextTemplate("Basic ${base64(${people.name}:${secret})}!").segments == [
                .literal("Basic "), .base64(inner), .literal("!"),
            ])
    }

    @Test(
        "a hole that is none is refused with its place",
        arguments: [
            ("ab${", 2), ("${}", 0), ("x${a b}", 1), ("${random(1)}", 0), ("${text(0)}", 0), ("é${1a}", 1),
            ("${f(1)}", 0), ("${now(date)}", 0), ("x${base64(a${b c})}", 11), ("${base64(${a)}", 0), ("${a.b.c}", 0),
        ])
    func malformed(text: String, offset: Int) {
        let error = #expect(throws: TextTemplate.Malformed.self) { try TextTemplate(text) }
        #expect(error?.offset == offset)
    }

    @Test(
        "a JSON path is cut into its components",
        arguments: [
            ("$", [JSONPath.Component]()), ("$.id", [.key("id")]),
            ("$.items[0].id", [.key("items"), .index(0), .key("id")]),
            ("$[2]['odd key'][\"x\"]", [.index(2), .key("odd key"), .key("x")]),
        ])
    func path(text: String, components: [JSONPath.Component]) throws {
        #expect(try JSONPath(text).components == components)
    }

    @Test(
        "what is not a JSON path is refused with its place",
        arguments: [
            ("", 0), ("id", 0), ("$id", 1), ("$.", 1), ("$.a.", 3), ("$[", 1), ("$[]", 1), ("$[-1]", 1), ("$.*", 1),
            ("$..a", 1),
            ("$[99999999999999999999]", 1),
        ])
    func malformedPath(text: String, offset: Int) {
        let error = #expect(throws: JSONPath.Malformed.self) { try JSONPath(text) }
        #expect(error?.offset == offset)
    }

    @Test(
        "a rate is read in arrivals a second",
        arguments: [
            ("300/s", 300.0), ("18000/m", 300), ("36/h", 0.01), ("0.5/s", 0.5), ("2/ms", 2_000), ("10 / s", 10),
            ("0/s", 0),
        ])
    func rate(text: String, expected: Double) throws { #expect(try RateText.parse(text) == expected) }

    @Test(
        "what is not a rate is refused",
        arguments: ["", "300", "/s", "300/", "x/s", "nan/s", "inf/s", "-1/s", "1/s/s", "1e99/s"])
    func malformedRate(text: String) { #expect(throws: RateText.Malformed.self) { try RateText.parse(text) } }

    @Test("a long line is cut around the caret, which stays under its character")
    func excerpt() throws {
        let line =
            "description: \(String(repeating: "a", count: 300)), system: sociaX, x: \(String(repeating: "b", count: 300))"
        let faults = #expect(throws: ScenarioFaults.self) { try Scenario.parse("{\(line)}") }
        let lines = try #require(faults?.description.split(separator: "\n"))
        let shown = try #require(lines.firstIndex { $0.contains("is not a system") }) + 2
        let text = Array(lines[shown - 1])
        #expect(text.count < 130)
        #expect(String(text[(lines[shown].count - 1)...].prefix(6)) == "sociaX")
    }
}
