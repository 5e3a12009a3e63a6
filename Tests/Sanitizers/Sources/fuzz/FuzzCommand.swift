// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// Which target is played: set once, before the first input.
nonisolated(unsafe) private var chosen = FuzzTarget.http1Response

private func choose(_ name: String?) {
    guard let target = name.flatMap(FuzzTarget.init) else {
        let names = FuzzTarget.allCases.map(\.rawValue).joined(separator: "|")
        fatalError("the first argument is one of \(names)")
    }
    chosen = target
}

#if FUZZER
    // libFuzzer has the main function and calls these two (https://llvm.org/docs/LibFuzzer.html).

    /// Takes the target's name out of the arguments, before libFuzzer reads them.
    @c(LLVMFuzzerInitialize)
    public func initialize(
        _ count: UnsafeMutablePointer<CInt>,
        _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
    ) -> CInt {
        let all = arguments.pointee
        choose(count.pointee > 1 ? all[1].map { String(cString: $0) } : nil)
        // One less each time; the last one moved is the nil at the end.
        for index in 1..<Int(count.pointee) { all[index] = all[index + 1] }
        count.pointee -= 1
        return 0
    }

    @c(LLVMFuzzerTestOneInput)
    public func play(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
        chosen.play(UnsafeRawBufferPointer(start: bytes, count: count))
        return 0
    }
#else
    /// Without libFuzzer the command plays files, for the debugger.
    @main
    enum FuzzCommand {
        static func main() {
            let arguments = CommandLine.arguments.dropFirst()
            choose(arguments.first)
            for path in arguments.dropFirst() {
                guard let data = FileManager.default.contents(atPath: path) else {
                    fatalError("\(path): can't be read")
                }
                data.withUnsafeBytes(chosen.play)
            }
        }
    }
#endif
