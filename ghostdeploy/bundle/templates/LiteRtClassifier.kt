// {{ m.model.name }}: copy {{ first.tflite.file }}{% if m.labels %} and labels.txt{% endif %} into assets/, then paste this file.
// Written by ghostdeploy {{ m.tools.ghostdeploy }}; not compiled on the exporting machine.
import android.graphics.Bitmap
import java.nio.ByteBuffer
import java.nio.ByteOrder
import java.nio.MappedByteBuffer
import org.tensorflow.lite.Interpreter

class LiteRtClassifier(model: MappedByteBuffer, threads: Int = 1) {
    private val interpreter = Interpreter(model, Interpreter.Options().setNumThreads(threads).setUseXNNPACK(true))
    private val input = ByteBuffer.allocateDirect(4 * 3 * SIZE * SIZE).order(ByteOrder.nativeOrder())

    /** `bitmap` must be {{ m.preprocessing.input_size }}x{{ m.preprocessing.input_size }} (shorter side resized to {{ m.preprocessing.resize }}, centre crop). Returns {{ "probabilities" if m.preprocessing.softmax_inside else "logits" }}. */
    fun classify(bitmap: Bitmap): FloatArray {
        val pixels = IntArray(SIZE * SIZE)
        bitmap.getPixels(pixels, 0, SIZE, 0, 0, SIZE, SIZE)
        input.rewind()
        for (pixel in pixels) for (c in 0..2) {                       // NHWC: R, G, B of each pixel in turn
            val value = ((pixel shr (16 - 8 * c)) and 0xFF) / 255f
            input.putFloat({% if m.preprocessing.normalisation_inside %}value{% else %}(value - MEAN[c]) / STD[c]{% endif %})
        }
        input.rewind()
        val output = Array(1) { FloatArray(CLASSES) }
        interpreter.run(input, output)
        return output[0]
    }

    private companion object {
        const val SIZE = {{ m.preprocessing.input_size }}
        const val CLASSES = {{ m.model.classes }}
{% if not m.preprocessing.normalisation_inside %}
        val MEAN = floatArrayOf({% for v in m.preprocessing.mean %}{{ v }}f{{ ", " if not loop.last }}{% endfor %})
        val STD = floatArrayOf({% for v in m.preprocessing.std %}{{ v }}f{{ ", " if not loop.last }}{% endfor %})
{% endif %}
    }
}
