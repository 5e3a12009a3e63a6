// SPDX-License-Identifier: Apache-2.0

import Testing

@testable import Reports

@Suite("tables on the terminal")
struct TextTableTests {
    private static func table() -> TextTable {
        var table = TextTable(columns: [
            .init(title: "name", isRightAligned: false, isFlexible: true), .init(title: "count"),
            .init(title: "rarely wanted", expendability: 2), .init(title: "p99", expendability: 1),
        ])
        table.add(["short", "1", "12345", "1.00 ms"])
        table.add(["a name that is a good deal longer", "12,345", "2", "854 ms"])
        return table
    }

    @Test("columns line up under their titles")
    func alignment() {
        #expect(
            Self.table().lines(Style(width: 80)) == [
                "  name                                count  rarely wanted      p99",
                "  short                                   1          12345  1.00 ms",
                "  a name that is a good deal longer  12,345              2   854 ms",
            ])
    }

    @Test("a narrow terminal first shortens the name, then loses the least important column")
    func narrow() {
        #expect(
            Self.table().lines(Style(width: 60)) == [
                "  name                         count  rarely wanted      p99",
                "  short                            1          12345  1.00 ms",
                "  a name that is a good dea…  12,345              2   854 ms",
            ])
        #expect(
            Self.table().lines(Style(width: 45)) == [
                "  name                         count      p99",
                "  short                            1  1.00 ms",
                "  a name that is a good dea…  12,345   854 ms",
            ])
    }

    @Test(
        "wide, combining and pictured characters take the columns that a terminal gives them",
        arguments: [
            ("abc", 3), ("", 0), ("µs", 2), ("日本語", 6), ("e\u{301}te\u{301}", 3), ("한국", 4), ("✓", 1), ("👩‍👩‍👧", 2),
            ("🇨🇭", 2),
            ("×0.25", 5), ("…", 1), ("─", 1),
        ])
    func width(text: String, columns: Int) {
        #expect(TextWidth.of(text) == columns)
        #expect(TextWidth.of(TextWidth.pad(text, to: 10)) == 10)
        #expect(TextWidth.of(TextWidth.cut(text + text + text + text, to: 5)) <= 5)
    }

    @Test("text from outside can't move the cursor, change colours or turn the line around")
    func hostile() {
        #expect(TextWidth.printable("a\u{1B}[31mb\nc\rd\u{202E}e\u{7}") == "a·[31mb·c·de·")
    }

    @Test("long text is broken at spaces, a longer word inside")
    func wrapping() {
        #expect(TextWidth.wrap("one two three", to: 8) == ["one two", "three"])
        #expect(TextWidth.wrap("abcdefghij kl", to: 4) == ["abcd", "efgh", "ij", "kl"])
        #expect(TextWidth.wrap("", to: 10).isEmpty)
        #expect(TextWidth.wrap("日本", to: 1) == ["日", "本"])
    }

    @Test("colours need a terminal, and NO_COLOR or a dumb terminal refuses them")
    func colours() {
        #expect(Style.detect(isTerminal: true, environment: [:]).usesColor)
        #expect(Style.detect(isTerminal: true, environment: ["NO_COLOR": ""]).usesColor)
        #expect(!Style.detect(isTerminal: true, environment: ["NO_COLOR": "1"]).usesColor)
        #expect(!Style.detect(isTerminal: true, environment: ["TERM": "dumb"]).usesColor)
        #expect(!Style.detect(isTerminal: false, environment: [:]).usesColor)
        #expect(Style.detect(isTerminal: true, columns: 132, environment: ["COLUMNS": "80"]).width == 132)
        #expect(Style.detect(isTerminal: false, environment: ["COLUMNS": "80"]).width == 80)
        #expect(Style.detect(isTerminal: false, environment: ["COLUMNS": "-3"]).width == 40)
        #expect(Style(usesColor: true).paint("x", .good) == "\u{1B}[32mx\u{1B}[0m")
        #expect(Style(usesColor: false).paint("x", .good) == "x")
    }
}
