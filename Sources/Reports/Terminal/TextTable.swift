// SPDX-License-Identifier: Apache-2.0

/// A table for the terminal whose columns line up, whatever the text, and which keeps to the width of the style.
///
/// Too wide, it first shortens its flexible column, then leaves out columns, the least important first, then shortens whatever is widest.
struct TextTable {
    struct Column {
        var title: String
        var isRightAligned = true
        /// Columns with a higher number are left out first; 0 stays.
        var expendability = 0
        /// Whether its text may be shortened to ``TextTable/leastFlexibleWidth`` columns.
        var isFlexible = false
    }

    struct Cell: ExpressibleByStringLiteral {
        var text: String
        var tone: Style.Tone

        init(_ text: String, _ tone: Style.Tone = .plain) {
            self.text = TextWidth.printable(text)
            self.tone = tone
        }

        init(stringLiteral value: String) { self.init(value) }
    }

    static let leastFlexibleWidth = 18
    private static let gap = "  "

    var columns: [Column]
    var rows: [[Cell]] = []
    /// Spaces before each line.
    var indent = 2

    /// Adds a row; missing cells are empty, cells without a column are dropped.
    mutating func add(_ cells: [Cell]) {
        rows.append(Array((cells + Array(repeating: "", count: columns.count)).prefix(columns.count)))
    }

    /// The lines of the table, without line ends or trailing spaces.
    func lines(_ style: Style) -> [String] {
        let natural = columns.indices.map { column in
            rows.map { TextWidth.of($0[column].text) }.reduce(TextWidth.of(columns[column].title), Swift.max)
        }
        let layout = fit(natural, into: style.width - indent)
        let header = layout.map { (Cell(columns[$0.column].title, .dim), $0) }
        return ([header] + rows.map { row in layout.map { (row[$0.column], $0) } }).map { cells in
            line(cells, style)
        }
    }

    private struct Place {
        var column: Int
        var width: Int
    }

    private func fit(_ natural: [Int], into width: Int) -> [Place] {
        var places = natural.indices.map { Place(column: $0, width: natural[$0]) }
        func total() -> Int { places.reduce(0) { $0 + $1.width } + Self.gap.count * Swift.max(0, places.count - 1) }
        func shortenFlexible() {
            for index in places.indices where columns[places[index].column].isFlexible {
                let excess = Swift.max(0, total() - width)
                let least = Swift.min(natural[places[index].column], Self.leastFlexibleWidth)
                places[index].width = Swift.max(least, natural[places[index].column] - excess)
            }
        }
        shortenFlexible()
        while total() > width {
            guard
                let victim = places.indices.filter({ columns[places[$0].column].expendability > 0 })
                    .max(by: { columns[places[$0].column].expendability < columns[places[$1].column].expendability })
            else { break }
            places.remove(at: victim)
            for index in places.indices { places[index].width = natural[places[index].column] }
            shortenFlexible()
        }
        // The last resort, for absurdly long names: the widest columns give way.
        while total() > width, let widest = places.indices.max(by: { places[$0].width < places[$1].width }),
            places[widest].width > 4
        {
            places[widest].width -= 1
        }
        return places
    }

    private func line(_ cells: [(cell: Cell, place: Place)], _ style: Style) -> String {
        var line = String(repeating: " ", count: indent)
        var pending = ""
        for (cell, place) in cells {
            let text = TextWidth.cut(cell.text, to: place.width)
            let fill = String(repeating: " ", count: Swift.max(0, place.width - TextWidth.of(text)))
            if columns[place.column].isRightAligned { pending += fill }
            if !text.isEmpty {
                line += pending + style.paint(text, cell.tone)
                pending = ""
            }
            if !columns[place.column].isRightAligned { pending += fill }
            pending += Self.gap
        }
        return line
    }
}
