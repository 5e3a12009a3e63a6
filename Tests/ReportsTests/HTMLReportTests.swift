// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Reports

@Suite("the HTML report")
struct HTMLReportTests {
    /// The pages of all kinds of records, drawn once.
    private static let pages = [
        "quickstart": HTMLReport.render(.quickstart), "brownout": HTMLReport.render(.brownout),
        "empty": HTMLReport.render(.empty), "zero successes": HTMLReport.render(.zeroSuccesses),
        "hostile": HTMLReport.render(.hostile), "nothing": HTMLReport.render(.synthetic([])),
    ]
    private static var brownout: String { pages["brownout", default: ""] }

    @Test("it is well-formed, whatever the record", arguments: pages.keys.sorted())
    func wellFormed(name: String) throws {
        #expect(Markupcheck.firstFault(in: try #require(Self.pages[name])) == nil)
    }

    @Test("the check of well-formedness finds what is not")
    func checkerChecks() {
        for bad in [
            "<a><b></a></b>", "<a x=y/>", "<a>&nope;</a>", "<a>", "<a b=\"1\" b=\"2\"/>", "<a>\u{1}</a>", "</a>",
            "<a b=\"<\"/>",
        ] {
            #expect(Markupcheck.firstFault(in: bad) != nil, "\(bad)")
        }
        #expect(Markupcheck.firstFault(in: "<a b=\"1\"><c/>x &amp; y</a>") == nil)
    }

    @Test("it fetches nothing and runs nothing")
    func selfContained() {
        for html in Self.pages.values {
            for forbidden in ["http:", "https:", "src=", "<script", "<link", "<iframe", "@import", "url(", "onload="] {
                #expect(!html.contains(forbidden), "\(forbidden)")
            }
        }
    }

    @Test("what a script or a service says is text, never markup")
    func escaping() {
        let html = Self.pages["hostile", default: ""]
        #expect(html.contains("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt; &amp; &#39;y&#39;"))
        #expect(!html.contains("alert(\"x\")"))
        #expect(!html.unicodeScalars.contains("\u{1B}"))
    }

    @Test("a run with a fault and breakers has all charts, with the fault marked in each over time")
    func charts() {
        let html = Self.brownout
        for title in [
            "Variants side by side", "p99 response time", "Goodput", "Response time during the fault, by percentile",
            "Response time, each variant on the same axes", "Requests ended a second, by outcome", "Circuit breakers",
            "What the policies did, a second", "Schedule lag: from due to sent", "Requests in flight",
            "Response time and service time by percentile", "What was run",
        ] {
            #expect(html.contains(title), "\(title)")
        }
        #expect(html.contains("post -&gt; comment: open, 15 s … 17 s"))
        #expect(html.contains("class=\"s-half-open\""))
        let overTime = html.components(of: "over time\"")
        #expect(overTime > 10)
        #expect(html.components(of: "<g class=\"fault\">") >= overTime)
    }

    @Test("each drawing has a name and each radio group its own")
    func accessible() {
        let html = Self.brownout
        #expect(html.components(of: "role=\"img\"") == html.components(of: "aria-label="))
        let ids = html.split(separator: " id=\"").dropFirst().map { $0.prefix { $0 != "\"" } }
        #expect(Set(ids).count == ids.count)
    }

    @Test("the tables say what the terminal says")
    func sameNumbers() {
        let html = Self.pages["quickstart", default: ""]
        for text in ["3,400", "2.96 ms", "7.84 ms", "24.6 ms", "79.5 µs", "4,000 scheduled = 4,000 completed"] {
            #expect(html.contains(text), "\(text)")
        }
    }

    @Test("the response time of all outcomes has a tile, a column, a row and a curve of its own")
    func allOutcomes() {
        let html = HTMLReport.render(.outage)
        for text in ["response p99 of all", ">p99 of all</th>", ">all outcomes</td>", "response time, all outcomes"] {
            #expect(html.contains(text), "\(text)")
        }
        #expect(html.contains("5.00 s"))
    }

    @Test("the same record gives the same bytes")
    func deterministic() {
        #expect(HTMLReport.render(.zeroSuccesses) == Self.pages["zero successes"])
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(of text: String) -> Int {
        split(separator: text, omittingEmptySubsequences: false).count - 1
    }
}

/// A small check that text is well-formed XML, as far as the reports use it.
enum Markupcheck {
    /// What is wrong first, or nil.
    static func firstFault(in text: String) -> String? {
        var open: [String] = []
        var rest = text[...]
        if rest.hasPrefix("<?xml") || rest.hasPrefix("<!DOCTYPE") { rest = rest.drop { $0 != ">" }.dropFirst() }
        while let start = rest.firstIndex(of: "<") {
            if let fault = textFault(rest[..<start]) { return fault }
            guard let end = rest[start...].firstIndex(of: ">") else { return "a tag without an end" }
            let tag = rest[rest.index(after: start)..<end]
            rest = rest[rest.index(after: end)...]
            if tag.hasPrefix("/") {
                guard open.popLast() == String(tag.dropFirst()) else { return "</\(tag.dropFirst())> closes nothing" }
                continue
            }
            let (name, fault) = attributes(tag)
            if let fault { return fault }
            if !tag.hasSuffix("/") { open.append(name) }
        }
        if let fault = textFault(rest) { return fault }
        return open.isEmpty ? nil : "<\(open[open.count - 1])> is never closed"
    }

    private static func attributes(_ tag: Substring) -> (name: String, fault: String?) {
        let name = String(tag.prefix { $0 != " " && $0 != "/" })
        var rest = tag.dropFirst(name.count)
        var seen: Set<Substring> = []
        while true {
            rest = rest.drop { $0 == " " || $0 == "\n" }
            if rest.isEmpty || rest == "/" { return (name, nil) }
            let key = rest.prefix { $0 != "=" }
            rest = rest.dropFirst(key.count)
            guard rest.hasPrefix("=\""), !key.contains(" ") else {
                return (name, "attribute without quotes in <\(tag)>")
            }
            if !seen.insert(key).inserted { return (name, "\(key) twice in <\(tag)>") }
            let value = rest.dropFirst(2).prefix { $0 != "\"" }
            if value.contains("<") { return (name, "< in the value of \(key)") }
            if let fault = textFault(value) { return (name, fault) }
            rest = rest.dropFirst(2 + value.count)
            guard rest.hasPrefix("\"") else { return (name, "value without an end in <\(tag)>") }
            rest = rest.dropFirst()
        }
    }

    private static func textFault(_ text: Substring) -> String? {
        for scalar in text.unicodeScalars where scalar.value < 32 && scalar != "\n" && scalar != "\t" {
            return "control character \(scalar.value)"
        }
        for piece in text.split(separator: "&", omittingEmptySubsequences: false).dropFirst()
        where !["amp;", "lt;", "gt;", "quot;", "#39;"].contains(where: piece.hasPrefix) {
            return "entity &\(piece.prefix(8))"
        }
        return nil
    }
}
