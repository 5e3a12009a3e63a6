// SPDX-License-Identifier: Apache-2.0

internal import Measurement

/// The form in which a second is put away (``SliceStore``): numbers in LEB128, each histogram as its length and its packed form.
///
/// The sums; the cells, each with its key; the targets in the order of the layout; the other pick-up lag; the refused requests
/// of each step. Everything is a sum, so the pieces of a second can be added in any order, and nothing is rounded.
extension SliceRecorder {
    /// Packs what was counted and appends it.
    mutating func append(to bytes: inout [UInt8]) {
        pack()
        for count in ended { bytes.append(number: count) }
        bytes.append(number: UInt64(bitPattern: Int64(inFlight)))
        for count in [bytesReceived, bytesSent, journeyStarts] { bytes.append(number: count) }
        bytes.append(number: UInt64(cells.count))
        for cell in cells {
            bytes.append(number: UInt64(cell.key))
            for histogram in [cell.responseTime, cell.serviceTimeAtOnce, cell.serviceTime] { bytes.append(histogram) }
        }
        for target in targets {
            for histogram in [target.lagAtOnce, target.lag] + target.passed + target.ended { bytes.append(histogram) }
        }
        bytes.append(otherPickUpLag)
        bytes.append(number: UInt64(refused.count))
        for (step, intended) in refused {
            bytes.append(number: UInt64(step))
            bytes.append(intended)
        }
    }

    /// This with what was appended to `bytes` in addition; nil when they are something else.
    func adding(_ bytes: [UInt8]) -> SliceRecorder? {
        var sum = self
        var rest = ByteReader(bytes)
        do {
            try sum.add(&rest)
            return rest.isAtEnd ? sum : nil
        } catch {
            return nil
        }
    }

    private mutating func add(_ rest: inout ByteReader) throws(ByteReader.Malformed) {
        for index in ended.indices { ended[index] &+= try rest.number() }
        inFlight &+= Int(truncatingIfNeeded: try rest.number())
        bytesReceived &+= try rest.number()
        bytesSent &+= try rest.number()
        journeyStarts &+= try rest.number()
        for _ in 0..<(try rest.number(below: layout.steps * Layout.outcomes + 1)) {
            let cell = position(key: try rest.number(below: layout.steps * Layout.outcomes))
            try rest.add(to: &cells[cell].responseTime)
            try rest.add(to: &cells[cell].serviceTimeAtOnce)
            try rest.add(to: &cells[cell].serviceTime)
        }
        for target in targets.indices {
            try rest.add(to: &targets[target].lagAtOnce)
            try rest.add(to: &targets[target].lag)
            for part in targets[target].passed.indices { try rest.add(to: &targets[target].passed[part]) }
            for part in targets[target].ended.indices { try rest.add(to: &targets[target].ended[part]) }
        }
        try rest.add(to: &otherPickUpLag)
        for _ in 0..<(try rest.number(below: layout.steps + 1)) {
            try rest.add(to: &refused[try rest.number(below: layout.steps), default: RecordingHistogram()])
        }
    }
}

extension [UInt8] {
    /// LEB128.
    fileprivate mutating func append(number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        append(UInt8(rest))
    }

    fileprivate mutating func append(_ histogram: RecordingHistogram) {
        let packed = histogram.packedBytes
        append(number: UInt64(packed.count))
        append(contentsOf: packed)
    }
}

/// Goes through the bytes of a piece.
private struct ByteReader {
    struct Malformed: Error {}

    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number() throws(Malformed) -> UInt64 {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), to: 64, by: 7) {
            guard position < bytes.count else { throw Malformed() }
            let byte = bytes[position]
            position += 1
            value |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return value }
        }
        throw Malformed()
    }

    mutating func number(below limit: Int) throws(Malformed) -> Int {
        let value = try number()
        guard value < UInt64(limit) else { throw Malformed() }
        return Int(value)
    }

    mutating func add(to histogram: inout RecordingHistogram) throws(Malformed) {
        let length = try number(below: bytes.count - position + 1)
        guard length <= bytes.count - position, histogram.merge(packed: Array(bytes[position..<position + length]))
        else { throw Malformed() }
        position += length
    }
}
