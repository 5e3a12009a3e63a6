// SPDX-License-Identifier: Apache-2.0

/// A table of the page: text cells that are escaped, numbers on the right, a tone as a class.
struct HTMLTable {
    struct Cell: ExpressibleByStringLiteral {
        var text: String
        var name: String
        /// A bar behind the number, 0…1 of the cell; nil for none.
        var share: Double?
        /// A smaller remark after the text.
        var remark = ""
        var remarkName = ""

        init(_ text: String, _ name: String = "", share: Double? = nil) {
            self.text = text
            self.name = name
            self.share = share
        }

        init(stringLiteral value: String) { self.init(value) }

        fileprivate var html: String {
            var inner = Markup.escape(text)
            if !remark.isEmpty { inner += " " + Markup.text("small", ["class": remarkName], remark) }
            if let share {
                let width = Format.fixed(Swift.min(1, Swift.max(0, share)), decimals: 4)
                inner += Markup.tag("span", ["class": "bar", "style": "width:calc((100% - 24px) * \(width))"])
            }
            return Markup.tag("td", ["class": name], inner)
        }
    }

    /// Titles; the columns after the first `textColumns` hold numbers.
    var titles: [String]
    var textColumns = 1
    var rows: [(name: String, cells: [Cell])] = []

    mutating func add(_ cells: [Cell], name: String = "") { rows.append((name, cells)) }

    var html: String {
        let head = titles.enumerated().map { index, title in
            Markup.text("th", ["scope": "col", "class": index < textColumns ? "text" : ""], title)
        }
        let body = rows.map { row in
            let cells = row.cells.enumerated().map { index, cell in
                var cell = cell
                if index < textColumns { cell.name += " text" }
                return cell.html
            }
            return Markup.tag("tr", ["class": row.name], cells.joined())
        }
        return Markup.tag(
            "div", ["class": "table"],
            Markup.tag(
                "table", [:],
                Markup.tag("thead", [:], Markup.tag("tr", [:], head.joined()))
                    + Markup.tag("tbody", [:], body.joined(separator: "\n"))))
    }
}
