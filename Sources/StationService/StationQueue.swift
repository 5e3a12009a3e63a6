// SPDX-License-Identifier: Apache-2.0

internal import Stations

/// The requests that wait, under one discipline. Each operation takes amortised constant time.
struct StationQueue<Element> {
    private let discipline: QueueDiscipline
    private var elements: [Element?] = []
    /// Everything before it has left.
    private var head = 0

    init(discipline: QueueDiscipline) { self.discipline = discipline }

    var count: Int { elements.count - head }

    var isFull: Bool { discipline.limit.map { count >= $0 } ?? false }

    mutating func append(_ element: Element) { elements.append(element) }

    mutating func popNext() -> Element? {
        guard count > 0 else { return nil }
        switch discipline.order {
        case .lifo: return elements.removeLast()
        case .fifo:
            let element = elements[head]
            elements[head] = nil
            head += 1
            // Moving what is left costs less than half of what has left since the last time.
            if head > 32, head > elements.count / 2 {
                elements.removeFirst(head)
                head = 0
            }
            return element
        }
    }
}
