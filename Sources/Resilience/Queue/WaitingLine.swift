// SPDX-License-Identifier: Apache-2.0

/// Waiters in the order of their arrival, from which any of them can be taken.
///
/// Taking from either end is O(1) amortised, taking from the middle O(log n): the place is left empty until enough of
/// them have gathered to be worth closing up.
struct WaitingLine<Element> {
    /// Identifiers rise, so that the places are sorted by them.
    private var places: ArraySlice<(id: UInt64, element: Element?)> = []
    private(set) var count = 0

    var isEmpty: Bool {
        count == 0
    }

    /// Adds a waiter at the end.
    ///
    /// - Parameter id: Greater than every identifier before it.
    mutating func append(_ id: UInt64, _ element: Element) {
        places.append((id, element))
        count += 1
    }

    /// The waiter that came first.
    var first: (id: UInt64, element: Element)? {
        // The ends are never empty places.
        places.first.flatMap { place in place.element.map { (place.id, $0) } }
    }

    /// The first waiters, at most so many, whatever empty places there are between them.
    func firstElements(_ count: Int) -> [(id: UInt64, element: Element)] {
        var elements: [(id: UInt64, element: Element)] = []
        for place in places {
            if elements.count == count { break }
            if let element = place.element { elements.append((place.id, element)) }
        }
        return elements
    }

    /// The waiter that came last.
    var last: (id: UInt64, element: Element)? {
        places.last.flatMap { place in place.element.map { (place.id, $0) } }
    }

    /// Takes the waiter that came first.
    mutating func popFirst() -> (id: UInt64, element: Element)? {
        guard let first else { return nil }
        _ = remove(first.id)
        return first
    }

    /// Takes the waiter that came last.
    mutating func popLast() -> (id: UInt64, element: Element)? {
        guard let last else { return nil }
        _ = remove(last.id)
        return last
    }

    /// Takes one waiter, wherever it stands.
    mutating func remove(_ id: UInt64) -> Element? {
        guard let index = index(of: id), let element = places[index].element else { return nil }
        places[index].element = nil
        count -= 1
        trim()
        return element
    }

    /// Takes every waiter for which `isOver` holds.
    mutating func removeAll(where isOver: (Element) -> Bool) -> [(id: UInt64, element: Element)] {
        var removed: [(id: UInt64, element: Element)] = []
        for index in places.indices {
            guard let element = places[index].element, isOver(element) else { continue }
            removed.append((places[index].id, element))
            places[index].element = nil
            count -= 1
        }
        trim()
        return removed
    }

    private func index(of id: UInt64) -> Int? {
        var (low, high) = (places.startIndex, places.endIndex)
        while low < high {
            let middle = low + (high - low) / 2
            if places[middle].id < id { low = middle + 1 } else { high = middle }
        }
        return low < places.endIndex && places[low].id == id ? low : nil
    }

    /// Keeps waiters at both ends, and the empty places between them fewer than the waiters.
    private mutating func trim() {
        while let first = places.first, first.element == nil { places.removeFirst() }
        while let last = places.last, last.element == nil { places.removeLast() }
        if places.count > 2 * count + 16 {
            places = ArraySlice(places.filter { $0.element != nil })
        } else if places.startIndex > places.count + 16 {
            // A slice keeps the storage in front of it alive.
            places = ArraySlice(Array(places))
        }
    }
}

extension WaitingLine: Sendable where Element: Sendable {}
