// SPDX-License-Identifier: Apache-2.0

extension Plot {
    /// A value at a place of the x axis; nil breaks the line.
    struct Point {
        var x: Double
        var y: Double?
    }

    /// A line through the points, broken where a value is missing. A point alone is a dot.
    mutating func curve(_ points: [Point], class name: String) {
        var path = ""
        for run in Self.unbroken(points) {
            path +=
                "M"
                + run.map { "\(Markup.coordinate(x($0.x))) \(Markup.coordinate(y($0.value)))" }.joined(separator: "L")
            // A stroke with round ends draws a line of no length as a dot.
            if run.count == 1 { path += "h0" }
        }
        if !path.isEmpty { draw(Markup.tag("path", ["d": path, "class": "curve " + name])) }
    }

    private static func unbroken(_ points: [Point]) -> [[(x: Double, value: Double)]] {
        var runs: [[(x: Double, value: Double)]] = [[]]
        for point in points {
            if let value = point.y {
                runs[runs.count - 1].append((point.x, value))
            } else if !runs[runs.count - 1].isEmpty {
                runs.append([])
            }
        }
        return runs.filter { !$0.isEmpty }
    }

    /// A dot at each point that has a value.
    mutating func dots(_ points: [Point], radius: Double = 2, class name: String) {
        for point in points {
            guard let value = point.y else { continue }
            draw(
                Markup.tag(
                    "circle",
                    [
                        "cx": Markup.coordinate(x(point.x)), "cy": Markup.coordinate(y(value)),
                        "r": Markup.coordinate(radius), "class": name,
                    ]))
        }
    }

    /// A line of steps: each value holds from its start to its end.
    mutating func steps(_ steps: [(from: Double, to: Double, value: Double)], class name: String) {
        var path = ""
        for (index, step) in steps.enumerated() {
            path += (index == 0 ? "M" : "L") + "\(Markup.coordinate(x(step.from))) \(Markup.coordinate(y(step.value)))"
            path += "H\(Markup.coordinate(x(step.to)))"
        }
        if !path.isEmpty { draw(Markup.tag("path", ["d": path, "class": "curve " + name])) }
    }

    /// Columns from `base` to `top` of the y axis, as one shape: apart, half-transparent neighbours would show their seams.
    mutating func columns(
        _ columns: [(from: Double, to: Double, base: Double, top: Double)], class name: String
    ) {
        var path = ""
        for column in columns where column.top > column.base {
            path += "M\(Markup.coordinate(x(column.from))) \(Markup.coordinate(y(column.base)))"
            path += "V\(Markup.coordinate(y(column.top)))H\(Markup.coordinate(x(column.to)))"
            path += "V\(Markup.coordinate(y(column.base)))Z"
        }
        if !path.isEmpty { draw(Markup.tag("path", ["d": path, "class": name])) }
    }

    /// A cell of a heat map; `share` 0…1 is how dark it is.
    struct Cell {
        var from: Double
        var to: Double
        var low: Double
        var high: Double
        var share: Double
    }

    /// A heat map in ten shades, each one shape: thousands of elements of their own would make a heavy page.
    mutating func heat(_ cells: [Cell]) {
        let shades = 10
        var paths = [String](repeating: "", count: shades)
        for cell in cells {
            let (left, top) = (x(cell.from), y(cell.high))
            // A little more than the cell, since exact edges would let the background shine through between neighbours.
            let (width, height) = (x(cell.to) - left + 0.3, y(cell.low) - top + 0.3)
            let shade = Swift.min(shades - 1, Swift.max(0, Int(cell.share * Double(shades))))
            paths[shade] += "M\(Markup.coordinate(left)) \(Markup.coordinate(top))h\(Markup.coordinate(width))"
            paths[shade] += "v\(Markup.coordinate(height))h\(Markup.coordinate(-width))z"
        }
        for (shade, path) in paths.enumerated() where !path.isEmpty {
            let opacity = Format.fixed((Double(shade) + 0.7) / Double(shades), decimals: 2)
            draw(Markup.tag("path", ["d": path, "class": "heat", "fill-opacity": opacity]))
        }
    }

    /// An invisible column over the whole height that says its values when pointed at.
    mutating func hover(_ from: Double, _ to: Double, title: String) {
        let left = x(from)
        draw(rectangle(left, plotTop, x(to) - left, plotBottom - plotTop, class: "hover", title: title))
    }
}
