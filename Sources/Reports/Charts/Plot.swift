// SPDX-License-Identifier: Apache-2.0

/// A chart under construction: a frame with two scales, into which marks are drawn in order.
///
/// Colours come from the page's style sheet through classes, so that one drawing serves light, dark and paper.
struct Plot {
    struct Size {
        var width = 1080.0
        var height = 230.0
        var left = 66.0
        var right = 14.0
        var top = 10.0
        var bottom = 26.0
    }

    let size: Size
    let x: Scale
    let y: Scale
    private var marks: [String] = []

    init(
        _ size: Size = .init(), x: ClosedRange<Double>, y: ClosedRange<Double>, logarithmicX: Bool = false,
        logarithmicY: Bool = false
    ) {
        self.size = size
        self.x = Scale(x, from: size.left, to: size.width - size.right, logarithmic: logarithmicX)
        self.y = Scale(y, from: size.height - size.bottom, to: size.top, logarithmic: logarithmicY)
    }

    var plotLeft: Double { size.left }
    var plotRight: Double { size.width - size.right }
    var plotTop: Double { size.top }
    var plotBottom: Double { size.height - size.bottom }

    mutating func draw(_ mark: String) { marks.append(mark) }

    /// The finished drawing. `label` says what it shows to those who can't see it.
    func svg(label: String) -> String {
        Markup.tag(
            "svg",
            [
                "viewBox": "0 0 \(Markup.coordinate(size.width)) \(Markup.coordinate(size.height))", "role": "img",
                "aria-label": label,
            ],
            marks.joined(separator: "\n"))
    }

    // MARK: Axes

    /// A horizontal grid line with its name at each tick of the y axis.
    mutating func yAxis(ticks count: Int = 5, _ name: (Double) -> String) {
        for tick in y.ticks(count) {
            let place = y(tick)
            draw(line(plotLeft, place, plotRight, place, class: "grid"))
            draw(text(plotLeft - 7, place + 4, name(tick), class: "tick end"))
        }
    }

    /// A name at each tick of the x axis, with a faint line.
    mutating func xAxis(_ ticks: [Double], isLabelled: Bool = true, _ name: (Double) -> String) {
        for tick in ticks {
            let place = x(tick)
            draw(line(place, plotTop, place, plotBottom, class: "grid faint"))
            if isLabelled { draw(text(place, plotBottom + 17, name(tick), class: "tick middle")) }
        }
        draw(line(plotLeft, plotBottom, plotRight, plotBottom, class: "axis"))
    }

    /// A shaded stretch of the x axis, with a name above it where there is room.
    mutating func band(_ from: Double, _ to: Double, class name: String, label: String? = nil, title: String? = nil) {
        guard to > x.domain.lowerBound, from < x.domain.upperBound else { return }
        let (left, right) = (x(from), x(to))
        draw(
            Markup.tag(
                "g", ["class": name],
                rectangle(left, plotTop, right - left, plotBottom - plotTop, class: "fill", title: title)
                    + line(left, plotTop, left, plotBottom, class: "edge")
                    + line(right, plotTop, right, plotBottom, class: "edge")
                    + (label.map { text(left + 1, plotTop - 6, Self.cut($0, right - left), class: "label") } ?? "")))
    }

    /// Cuts a label to a width, at about 6.7 units a character.
    private static func cut(_ label: String, _ width: Double) -> String {
        TextWidth.cut(label, to: Swift.max(0, Int((width - 8) / 6.7)))
    }

    // MARK: Elements

    func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class name: String) -> String {
        Markup.tag(
            "line",
            [
                "x1": Markup.coordinate(x1), "y1": Markup.coordinate(y1), "x2": Markup.coordinate(x2),
                "y2": Markup.coordinate(y2), "class": name,
            ])
    }

    func text(_ x: Double, _ y: Double, _ content: String, class name: String) -> String {
        Markup.text("text", ["x": Markup.coordinate(x), "y": Markup.coordinate(y), "class": name], content)
    }

    func rectangle(
        _ x: Double, _ y: Double, _ width: Double, _ height: Double, class name: String, title: String? = nil
    ) -> String {
        Markup.tag(
            "rect",
            [
                "x": Markup.coordinate(x), "y": Markup.coordinate(y), "width": Markup.coordinate(Swift.max(0, width)),
                "height": Markup.coordinate(Swift.max(0, height)), "class": name,
            ],
            title.map { Markup.text("title", [:], $0) } ?? "")
    }
}
