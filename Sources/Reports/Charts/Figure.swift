// SPDX-License-Identifier: Apache-2.0

/// A chart on the page: title, legend, drawing and what to know about it.
struct Figure {
    struct Key {
        /// Class of the mark that the legend shows.
        var name: String
        var label: String
        /// Whether the sample is a line; otherwise a patch.
        var isLine = true
    }

    var title: String
    var keys: [Key] = []
    var svg: String
    /// The same on a linear axis, to switch to; nil when there is one drawing only.
    var linear: String?
    var caption: String?
    /// Part of the names of the page's elements that belong to this figure; unique on the page.
    var identifier = ""

    var html: String {
        var parts = [Markup.tag("figcaption", ["class": "title"], Markup.escape(title) + toggle + legend)]
        if let linear {
            // The inputs come first, so that the style sheet can show one drawing or the other without a script.
            parts.insert(inputs, at: 0)
            parts.append(Markup.tag("div", ["class": "logarithmic"], svg))
            parts.append(Markup.tag("div", ["class": "linear"], linear))
        } else {
            parts.append(svg)
        }
        if let caption { parts.append(Markup.text("p", ["class": "caption"], caption)) }
        return Markup.tag(
            "figure", ["class": linear == nil ? "chart" : "chart switched"], parts.joined(separator: "\n"))
    }

    private var legend: String {
        if keys.isEmpty { return "" }
        let items = keys.map { key in
            let sample =
                key.isLine
                ? "<line x1=\"1\" y1=\"6\" x2=\"21\" y2=\"6\" class=\"curve \(Markup.escape(key.name))\"/>"
                : "<rect x=\"4\" y=\"1\" width=\"14\" height=\"10\" class=\"\(Markup.escape(key.name))\"/>"
            return "<span class=\"key\"><svg viewBox=\"0 0 22 12\" aria-hidden=\"true\">\(sample)</svg>"
                + Markup.escape(key.label) + "</span>"
        }
        return "<span class=\"legend\">" + items.joined() + "</span>"
    }

    private var inputs: String {
        "<input type=\"radio\" class=\"pick-log\" name=\"scale-\(identifier)\" id=\"log-\(identifier)\" checked=\"checked\"/>"
            + "<input type=\"radio\" class=\"pick-linear\" name=\"scale-\(identifier)\" id=\"linear-\(identifier)\"/>"
    }

    private var toggle: String {
        guard linear != nil else { return "" }
        return "<span class=\"toggle\"><label for=\"log-\(identifier)\" class=\"to-log\">log</label>"
            + "<label for=\"linear-\(identifier)\" class=\"to-linear\">linear</label></span>"
    }
}
